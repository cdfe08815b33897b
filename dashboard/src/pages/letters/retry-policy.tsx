/** When a message that nobody acknowledges comes again, and when it is given up; as the defaults have it. */
const ATTEMPTS_S = [0, 1, 3, 7, 15];
const END_S = 31;

export function RetryPolicy() {
  return (
    <figure>
      <svg
        viewBox="-10 0 360 46"
        className="mx-auto w-full max-w-md"
        role="img"
        aria-label="Attempts at 0, 1, 3, 7 and 15 seconds; given up at 31 seconds"
      >
        <line
          x1="0"
          y1="14"
          x2="330"
          y2="14"
          className="stroke-edge"
          strokeWidth="2"
          strokeDasharray="4 4"
        />
        {ATTEMPTS_S.map((s) => (
          <g key={s}>
            <circle cx={(s / END_S) * 330} cy="14" r="6" className="fill-accent" />
            <text
              x={(s / END_S) * 330}
              y={s === 1 ? 44 : 34}
              textAnchor="middle"
              className="fill-soft text-[10px]"
            >
              {s} s
            </text>
          </g>
        ))}
        <rect x="323" y="7" width="14" height="14" rx="3" className="fill-bad" />
        <text x="330" y="34" textAnchor="middle" className="fill-soft text-[10px]">
          {END_S} s
        </text>
      </svg>
      <figcaption className="mt-1 text-xs text-soft">
        Five attempts, each wait twice the one before and at most a minute; then it is a dead
        letter.
      </figcaption>
    </figure>
  );
}
