/** First the count of what would be done, then the doing, with its progress, and a way to stop it. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ask } from '../../api/ask.js';
import { countText, ofMany } from '../../api/texts.js';
import type { Job, JobStarted } from '../../api/views.js';
import { Button } from '../../components/button.js';
import { Dialog } from '../../components/dialog.js';
import { TextField } from '../../components/field.js';
import { FormEnd } from '../../components/form-end.js';
import { Failure, Loading } from '../../components/notice.js';
import { useAnswer, useChange } from '../../hooks/use-answer.js';

export type BulkWhat = 'redrive' | 'purge';

export interface BulkSheetProps {
  what: BulkWhat;
  /** Of the request: ids, or topic and subscription. */
  names: object;
  onClose: () => void;
}

const WORDS = {
  redrive: { title: 'Give dead letters back', verb: 'Give back' },
  purge: { title: 'Delete dead letters', verb: 'Delete' },
} as const;

export function BulkSheet({ what, names, onClose }: BulkSheetProps) {
  const target = `/api/dead-letters/${what}`;
  const [job, setJob] = useState<string | null>(null);
  const plan = useQuery<{ matched?: number }, Error>({
    queryKey: ['plan', target, names],
    queryFn: () => ask(`POST ${target}`, { body: { ...names, plan: true } }),
    retry: false,
    enabled: job === null,
  });
  return (
    <Dialog title={WORDS[what].title} onClose={onClose}>
      {plan.error === null ? null : <Failure error={plan.error} />}
      {plan.isPending ? <Loading rows={2} /> : null}
      {job === null && plan.data !== undefined ? (
        <Plan {...{ what, names, onClose, matched: plan.data.matched ?? 0, onJob: setJob }} />
      ) : null}
      {job === null ? null : <Progress job={job} onClose={onClose} />}
    </Dialog>
  );
}

interface PlanProps extends BulkSheetProps {
  matched: number;
  onJob: (id: string) => void;
}

function Plan({ what, names, matched, onClose, onJob }: PlanProps) {
  const [rate, setRate] = useState('1000');
  const [typed, setTyped] = useState('');
  const run = useChange(
    (body: object) =>
      ask<Partial<JobStarted> & { purged?: number }>(`POST /api/dead-letters/${what}`, { body }),
    ({ job_id: id }) => (id === undefined ? onClose() : onJob(id)),
  );
  const isPurge = what === 'purge';
  const start = (): void =>
    run.mutate(isPurge ? names : { ...names, rate_per_s: Number(rate) || 1 });
  return (
    <form
      className="space-y-4"
      onSubmit={(event) => {
        event.preventDefault();
        start();
      }}
    >
      <p>
        <strong className="text-2xl">{countText(matched)}</strong>{' '}
        {matched === 1 ? 'matches' : 'match'} now.{' '}
        {isPurge
          ? 'Nothing brings them back.'
          : 'They go to the subscription that failed on them, and their attempts begin anew.'}
      </p>
      {isPurge ? (
        <TextField
          label={`Type ${matched} to go on`}
          inputMode="numeric"
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
      ) : (
        <TextField
          label="At most so many a second"
          inputMode="numeric"
          value={rate}
          onChange={(event) => setRate(event.target.value)}
        />
      )}
      <FormEnd error={run.error} onClose={onClose}>
        <Button
          type="submit"
          look={isPurge ? 'danger' : 'main'}
          disabled={matched === 0 || run.isPending || (isPurge && typed !== String(matched))}
        >
          {WORDS[what].verb} {ofMany(matched, 'dead letter')}
        </Button>
      </FormEnd>
    </form>
  );
}

function Progress({ job, onClose }: { job: string; onClose: () => void }) {
  const client = useQueryClient();
  const { data, error } = useAnswer<Job>(`/api/jobs/${job}`, { everyMs: 500 });
  const cancel = (): void => {
    const again = (): void => void client.invalidateQueries();
    ask(`DELETE /api/jobs/${job}`).then(again, again);
  };
  if (error !== null) return <Failure error={error} />;
  if (data === undefined) return <Loading rows={2} />;
  const share = data.total === 0 ? 1 : (data.done + data.failed) / data.total;
  const isRunning = data.state === 'running';
  return (
    <div className="space-y-4">
      <p role="status">
        {data.state}: {countText(data.done)} of {countText(data.total)} given back
        {data.failed > 0 ? `, ${countText(data.failed)} could not be` : ''}
      </p>
      <progress className="h-2 w-full accent-accent" aria-label="Progress" max={1} value={share} />
      <div className="flex justify-end gap-2">
        {isRunning ? (
          <Button look="danger" icon="stop" onClick={cancel}>
            Stop
          </Button>
        ) : null}
        <Button look={isRunning ? 'plain' : 'main'} onClick={onClose}>
          {isRunning ? 'Leave it running' : 'Done'}
        </Button>
      </div>
    </div>
  );
}
