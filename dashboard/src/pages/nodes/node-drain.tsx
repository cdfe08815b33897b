/** Having a node end in order: what that means is said before it is done. */
import { ask } from '../../api/ask.js';
import { ofMany } from '../../api/texts.js';
import type { ListedNode } from '../../api/views.js';
import { Button } from '../../components/button.js';
import { Dialog } from '../../components/dialog.js';
import { FormEnd } from '../../components/form-end.js';
import { useChange } from '../../hooks/use-answer.js';

interface NodeDrainProps {
  node: ListedNode;
  /** How many others live. */
  others: number;
  onClose: () => void;
}

export function NodeDrain({
  node: { id, sessions, this: isThis },
  others,
  onClose,
}: NodeDrainProps) {
  const drain = useChange(() => ask(`POST /api/nodes/${encodeURIComponent(id)}/drain`), onClose);
  return (
    <Dialog title={`Drain ${id}`} onClose={onClose}>
      <div className="space-y-4">
        <p>
          It takes nothing new, tells its {ofMany(sessions, 'session')} to go elsewhere, stores what
          is under way, and ends. Whatever starts nodes may start it again.
        </p>
        {others === 0 ? (
          <p className="text-warn">No other node lives: nobody serves until it is started again.</p>
        ) : null}
        {isThis ? <p>It is the node that answers this page, which will lose it, too.</p> : null}
        <FormEnd error={drain.error} onClose={onClose}>
          <Button look="danger" disabled={drain.isPending} onClick={() => drain.mutate(undefined)}>
            Drain it
          </Button>
        </FormEnd>
      </div>
    </Dialog>
  );
}
