/** Drawn in one stroke width on 24 by 24; they say nothing that words beside them do not. */
const PATHS = {
  overview: 'M4 13h6V4H4zM14 20h6V11h-6zM4 20h6v-3H4zM14 7h6V4h-6z',
  topics: 'M4 6h16M4 12h16M4 18h10',
  messages: 'M4 5h16v11H9l-5 4z',
  nodes: 'M12 3v4M12 17v4M5 8l3 2M16 14l3 2M5 16l3-2M16 10l3-2M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6',
  playground: 'M7 4v16l13-8z',
  subscriptions: 'M4 7h9M4 12h6M4 17h9M16 9l4 3-4 3',
  letters: 'M3 6h18v12H3zM3 7l9 7 9-7',
  sessions: 'M5 12a7 7 0 0 1 14 0M8 12a4 4 0 0 1 8 0M12 12v8',
  keys: 'M14 10a4 4 0 1 0-3.9 4L12 16h2v2h2v2h4v-3l-6.4-6.1',
  audit: 'M6 3h9l4 4v14H6zM9 12h7M9 16h7M9 8h3',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M5 19l2-2M17 7l2-2',
  moon: 'M20 14A8 8 0 0 1 10 4a8 8 0 1 0 10 10',
  screen: 'M3 5h18v11H3zM9 20h6M12 16v4',
  menu: 'M4 6h16M4 12h16M4 18h16',
  close: 'M6 6l12 12M18 6L6 18',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  check: 'M5 12l5 5L20 7',
  warn: 'M12 3l10 18H2zM12 10v5M12 18v.5',
  stop: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M8 8l8 8',
  plus: 'M12 5v14M5 12h14',
  trash: 'M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13',
  search: 'M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.5 15.5L20 20',
  keyboard: 'M3 6h18v12H3zM7 10h.5M11 10h.5M15 10h.5M8 14h8',
  right: 'M9 5l7 7-7 7',
  left: 'M15 5l-7 7 7 7',
  pause: 'M8 5v14M16 5v14',
  retry: 'M20 11a8 8 0 1 0-2 6M20 5v6h-6',
  clock: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 7v5l4 2',
  dot: 'M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6',
  help: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M9.5 9a2.5 2.5 0 1 1 3.5 2.3c-.8.4-1 1-1 1.7M12 16.5v.5',
  exit: 'M10 4H5v16h5M14 8l4 4-4 4M18 12H9',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, className = 'size-4' }: { name: IconName; className?: string }) {
  return (
    <svg
      viewBox="0 0 24 24"
      className={`${className} shrink-0`}
      fill="none"
      stroke="currentColor"
      strokeWidth={1.8}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
