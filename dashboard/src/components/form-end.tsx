/** The end of a form in a dialog: what failed, and whether to go on. */
import type { ReactNode } from 'react';
import { Button } from './button.js';
import { Failure } from './notice.js';

interface FormEndProps {
  error: Error | null;
  onClose: () => void;
  /** The button that goes on. */
  children: ReactNode;
}

export function FormEnd({ error, onClose, children }: FormEndProps) {
  return (
    <>
      {error === null ? null : <Failure error={error} />}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        {children}
      </div>
    </>
  );
}
