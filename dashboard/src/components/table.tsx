/**
 * A table whose rows the server has chosen. It scrolls sideways in its own frame where it is narrow. A row is
 * drawn again when it is another, or its columns are: pages keep those.
 */
import { memo, type ReactNode, useCallback, useRef } from 'react';

export interface Column<T> {
  name: string;
  /** Absent: its name is shown. */
  head?: ReactNode;
  cell: (row: T) => ReactNode;
  align?: 'right';
  /** Left out where there is little room. */
  wide?: 'md' | 'lg' | 'xl';
}

export interface TableProps<T> {
  /** What it lists, for whoever does not see it. */
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  keyOf: (row: T) => string;
  /** Rows that are pressed do this. */
  onOpen?: (row: T) => void;
  isOpen?: (row: T) => boolean;
}

const WIDE = { md: 'hidden md:table-cell', lg: 'hidden lg:table-cell', xl: 'hidden xl:table-cell' };

function cellClass<T>({ align, wide }: Column<T>): string {
  const side = align === 'right' ? 'text-right' : 'text-left';
  return `${side} ${wide === undefined ? '' : WIDE[wide]}`;
}

export function Table<T>({ label, columns, rows, keyOf, onOpen, isOpen }: TableProps<T>) {
  const latest = useRef(onOpen);
  latest.current = onOpen;
  const open = useCallback((row: T) => latest.current?.(row), []);
  return (
    // Relative: what is for screen readers alone stands in cells, and would else widen the page.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keys
    <section className="relative overflow-x-auto" aria-label={label} tabIndex={0}>
      <table className="w-full border-collapse text-sm">
        <caption className="sr-only">{label}</caption>
        <thead>
          <tr className="border-b border-line text-xs text-soft">
            {columns.map((column) => (
              <th
                key={column.name}
                scope="col"
                className={`px-2.5 py-2 font-medium whitespace-nowrap first:pl-4 last:pr-4 sm:px-4 ${cellClass(column)}`}
              >
                {column.head ?? column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row
              key={keyOf(row)}
              {...{ row, columns, open: onOpen === undefined ? null : open }}
              isOpen={isOpen?.(row) === true}
            />
          ))}
        </tbody>
      </table>
    </section>
  );
}

interface RowProps<T> {
  row: T;
  columns: readonly Column<T>[];
  open: ((row: T) => void) | null;
  isOpen: boolean;
}

function PlainRow<T>({ row, columns, open, isOpen }: RowProps<T>) {
  return (
    <tr
      className={`border-b border-line last:border-0 ${open === null ? '' : 'cursor-pointer hover:bg-raised'} ${isOpen ? 'bg-accent-wash' : ''}`}
      onClick={open === null ? undefined : () => open(row)}
    >
      {columns.map((column) => (
        <td
          key={column.name}
          className={`px-2.5 py-2 align-middle first:pl-4 last:pr-4 sm:px-4 ${cellClass(column)}`}
        >
          {column.cell(row)}
        </td>
      ))}
    </tr>
  );
}

const Row = memo(PlainRow) as typeof PlainRow;
