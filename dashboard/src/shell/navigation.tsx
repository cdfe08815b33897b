/** Where one can go. What the key of whoever looks is not for is left out. */
import { Link, useLocation } from 'wouter';
import { Dialog } from '../components/dialog.js';
import { Icon } from '../components/icon.js';
import { useCaller } from '../hooks/use-caller.js';
import { isAt, PLACES, type Place } from '../places.js';

export function Brand() {
  return (
    <Link
      href="/"
      className="flex h-12 items-center gap-2.5 border-b border-line px-5 font-semibold"
    >
      <svg viewBox="0 0 32 32" className="size-6" aria-hidden="true">
        <rect width="32" height="32" rx="8" className="fill-accent" />
        <path
          d="M8 10h5.5a4.5 4.5 0 0 1 4.5 4.5v3a4.5 4.5 0 0 0 4.5 4.5H24M8 22h4M20 10h4"
          fill="none"
          className="stroke-accent-ink"
          strokeWidth="2.6"
          strokeLinecap="round"
        />
      </svg>
      Conduit
    </Link>
  );
}

/** Those that somebody with these scopes is shown something of. */
export function usePlaces(): readonly Place[] {
  const { may } = useCaller();
  return PLACES.filter(({ scopes }) => scopes.some(may));
}

export function Navigation({ inDialog }: { inDialog?: () => void }) {
  const places = usePlaces();
  const list = (
    <nav aria-label="Pages of the dashboard" className="flex-1 overflow-y-auto p-3">
      <ul className="space-y-0.5">
        {places.map((place) => (
          <li key={place.path}>
            <Entry place={place} />
          </li>
        ))}
      </ul>
    </nav>
  );
  if (inDialog === undefined) return list;
  return (
    <Dialog title="Conduit" onClose={inDialog}>
      {list}
    </Dialog>
  );
}

function Entry({ place }: { place: Place }) {
  const [path] = useLocation();
  const isHere = isAt(place, path);
  return (
    <Link
      href={place.path}
      aria-current={isHere ? 'page' : undefined}
      className={`flex min-h-9 items-center gap-3 rounded-md px-3 text-sm font-medium ${isHere ? 'bg-accent-wash text-accent' : 'text-soft hover:bg-raised hover:text-ink'}`}
    >
      <Icon name={place.icon} className="size-4.5" />
      {place.name}
    </Link>
  );
}
