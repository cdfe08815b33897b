/** Labelled inputs. Every one has a visible label, and its hint is tied to it. */
import {
  type InputHTMLAttributes,
  type ReactNode,
  type Ref,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
  useId,
} from 'react';

const BOX =
  'w-full min-h-8 rounded-md border border-edge bg-page px-2.5 py-1 text-sm text-ink placeholder:text-soft aria-invalid:border-bad';

interface Labelled {
  label: string;
  hint?: ReactNode;
  /** In words, of what is wrong; null: nothing is. */
  wrong?: string | null;
}

function Frame({
  id,
  label,
  hint,
  wrong,
  children,
}: Labelled & { id: string; children: ReactNode }) {
  return (
    <div className="min-w-0">
      <label htmlFor={id} className="mb-1 block text-xs font-medium text-soft">
        {label}
      </label>
      {children}
      {wrong == null ? null : (
        <p id={`${id}-wrong`} role="alert" className="mt-1 text-xs text-bad">
          {wrong}
        </p>
      )}
      {hint === undefined ? null : (
        <p id={`${id}-hint`} className="mt-1 text-xs text-soft">
          {hint}
        </p>
      )}
    </div>
  );
}

function describedBy(id: string, { hint, wrong }: Labelled): string | undefined {
  const ids = [wrong == null ? '' : `${id}-wrong`, hint === undefined ? '' : `${id}-hint`];
  return ids.filter((one) => one !== '').join(' ') || undefined;
}

type Own<P> = Labelled & Omit<P, 'className'>;

export function TextField(
  props: Own<InputHTMLAttributes<HTMLInputElement>> & {
    ref?: Ref<HTMLInputElement>;
    mono?: 'mono';
  },
) {
  const id = useId();
  const { label, hint, wrong, mono, ...rest } = props;
  return (
    <Frame {...{ id, label, hint, wrong: wrong ?? null }}>
      <input
        id={id}
        className={`${BOX} ${mono === undefined ? '' : 'font-mono'}`}
        aria-describedby={describedBy(id, props)}
        aria-invalid={wrong != null}
        autoComplete="off"
        spellCheck={false}
        {...rest}
      />
    </Frame>
  );
}

export function AreaField(props: Own<TextareaHTMLAttributes<HTMLTextAreaElement>>) {
  const id = useId();
  const { label, hint, wrong, ...rest } = props;
  return (
    <Frame {...{ id, label, hint, wrong: wrong ?? null }}>
      <textarea
        id={id}
        className={`${BOX} font-mono leading-relaxed`}
        aria-describedby={describedBy(id, props)}
        aria-invalid={wrong != null}
        spellCheck={false}
        {...rest}
      />
    </Frame>
  );
}

export function SelectField(props: Own<SelectHTMLAttributes<HTMLSelectElement>>) {
  const id = useId();
  const { label, hint, wrong, children, ...rest } = props;
  return (
    <Frame {...{ id, label, hint, wrong: wrong ?? null }}>
      <select id={id} className={BOX} aria-describedby={describedBy(id, props)} {...rest}>
        {children}
      </select>
    </Frame>
  );
}

export function CheckField({
  label,
  ...rest
}: { label: string } & Omit<InputHTMLAttributes<HTMLInputElement>, 'type'>) {
  return (
    <label className="inline-flex min-h-8 items-center gap-2 text-sm">
      <input type="checkbox" className="size-4 accent-accent" {...rest} />
      {label}
    </label>
  );
}
