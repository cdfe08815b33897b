/** The ring as a wheel: whose each part is, where a topic stands, and what would move if one were lost. */
import { useMemo, useState } from 'react';
import { Card } from '../../components/card.js';
import { SelectField, TextField } from '../../components/field.js';
import { crc32, HASH_MAX, memberAt, type RingPoint, ringOf, sharesOf } from './ring.js';

const SIZE = 220;
const RADIUS = 92;
const WIDTH = 18;
/** Of the page's colours; members differ by where they are named, too. */
const COLOURS = ['accent', 'warn', 'good', 'bad', 'soft', 'edge'] as const;
const STROKES = {
  accent: 'stroke-accent',
  warn: 'stroke-warn',
  good: 'stroke-good',
  bad: 'stroke-bad',
  soft: 'stroke-soft',
  edge: 'stroke-edge',
};
const SWATCHES = {
  accent: 'bg-accent',
  warn: 'bg-warn',
  good: 'bg-good',
  bad: 'bg-bad',
  soft: 'bg-soft',
  edge: 'bg-edge',
};

function colourOf(members: readonly string[], member: string): (typeof COLOURS)[number] {
  return COLOURS[members.indexOf(member) % COLOURS.length] ?? 'edge';
}

function placeAt(hash: number, radius: number): [x: number, y: number] {
  const angle = (hash / HASH_MAX) * 2 * Math.PI - Math.PI / 2;
  return [SIZE / 2 + radius * Math.cos(angle), SIZE / 2 + radius * Math.sin(angle)];
}

function arcOf(from: number, to: number): string {
  const [x1, y1] = placeAt(from, RADIUS);
  const [x2, y2] = placeAt(to, RADIUS);
  return `M${x1.toFixed(2)} ${y1.toFixed(2)}A${RADIUS} ${RADIUS} 0 0 1 ${x2.toFixed(2)} ${y2.toFixed(2)}`;
}

export interface RingWheelProps {
  title: string;
  /** What the members do with what is theirs. */
  text: string;
  members: readonly string[];
  /** Before the name of what is looked up, for its place. */
  prefix: string;
  label: string;
}

export function RingWheel({ title, text, members, prefix, label }: RingWheelProps) {
  const [name, setName] = useState('');
  const [lost, setLost] = useState('');
  const left = useMemo(() => members.filter((member) => member !== lost), [members, lost]);
  const ring = useMemo(() => ringOf(left), [left]);
  const shares = useMemo(() => sharesOf(ring), [ring]);
  const moved = useMemo(() => sharesOf(ringOf(members)).get(lost) ?? 0, [members, lost]);
  const owner = name === '' ? null : memberAt(ring, crc32(prefix + name));
  return (
    <Card title={title}>
      <p className="mb-3 text-sm text-soft">{text}</p>
      <div className="flex flex-wrap items-center gap-6 text-sm">
        <Wheel {...{ ring, members, hash: name === '' ? null : crc32(prefix + name) }} />
        <div className="min-w-52 flex-1 space-y-3">
          <ul className="space-y-1">
            {left.map((member) => (
              <li key={member} className="flex items-center gap-2">
                <span className={`size-3 rounded-sm ${SWATCHES[colourOf(members, member)]}`} />
                <span className="flex-1 truncate">{member}</span>
                <span>{((shares.get(member) ?? 0) * 100).toFixed(1)} %</span>
              </li>
            ))}
          </ul>
          <TextField
            label={label}
            mono="mono"
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
          <p role="status" className="min-h-5 text-sm">
            {owner === null ? '' : `${name} is at ${owner}`}
          </p>
          {members.length < 2 ? null : (
            <SelectField
              label="If one were lost"
              value={lost}
              onChange={(event) => setLost(event.target.value)}
            >
              <option value="">none is</option>
              {members.map((member) => (
                <option key={member}>{member}</option>
              ))}
            </SelectField>
          )}
          {lost === '' ? null : (
            <p className="text-sm">
              {(moved * 100).toFixed(1)} % would move to others; all else stays where it is.
            </p>
          )}
        </div>
      </div>
    </Card>
  );
}

interface WheelProps {
  ring: readonly RingPoint[];
  members: readonly string[];
  hash: number | null;
}

function Wheel({ ring, members, hash }: WheelProps) {
  const mark = hash === null ? null : placeAt(hash, RADIUS);
  return (
    <svg viewBox={`0 0 ${SIZE} ${SIZE}`} className="size-56" aria-hidden="true">
      {ring.map(({ at, member }, n) => {
        const before = ring[n - 1]?.at ?? (ring.at(-1)?.at ?? 0) - HASH_MAX;
        return (
          <path
            key={`${member} ${at}`}
            d={arcOf(before, at)}
            fill="none"
            strokeWidth={WIDTH}
            className={STROKES[colourOf(members, member)]}
          />
        );
      })}
      {mark === null ? null : (
        <circle cx={mark[0]} cy={mark[1]} r="7" className="fill-ink stroke-panel" strokeWidth="3" />
      )}
    </svg>
  );
}
