/** Of a path that is no page. */
import { Link } from 'wouter';
import { Empty } from '../components/notice.js';

export function Lost() {
  return (
    <Empty icon="search" title="There is no such page">
      <Link href="/" className="text-accent underline">
        Go to the overview
      </Link>
    </Empty>
  );
}
