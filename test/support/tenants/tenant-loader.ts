/** Hooks of Node.js' module loader: the compiled files of src/log and src/tenant, with their marks. */
import { markedModule } from './tenant-predicates.js';

interface Loaded {
  format: string;
  source: unknown;
  shortCircuit?: boolean;
}

export async function load(
  url: string,
  context: unknown,
  nextLoad: (url: string, context: unknown) => Promise<Loaded>,
): Promise<Loaded> {
  const source = markedModule(url);
  return source === null
    ? nextLoad(url, context)
    : { format: 'module', source, shortCircuit: true };
}
