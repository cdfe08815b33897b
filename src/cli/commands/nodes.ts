/** `conduit nodes`: the nodes of the cluster. */
import { command } from '../line/command.js';
import { itemTexts } from '../node/json-items.js';
import { apiOf } from '../node/shown.js';
import { EXIT_DONE } from '../terminal/failure.js';
import { type Column, columnsOf, isRow, Table } from '../terminal/table.js';

const COLUMNS: readonly Column[] = [
  ...columnsOf('id', 'state', 'address', 'version', 'started_at', 'sessions', 'topics'),
  { title: 'WORKERS', of: ({ workers }) => (Array.isArray(workers) ? workers.length : null) },
  ...columnsOf('backplane'),
];

const list = command({
  name: 'nodes list',
  takes: [],
  text: 'Lists the nodes of the cluster, by id. Scope operate.',
  example: 'conduit nodes list',
  talksTo: 'node',
  options: {},
  run: async (asked) => {
    const { shell } = asked;
    const { text, body } = await apiOf(asked).ask('/api/nodes');
    const nodes = Array.isArray(body['nodes']) ? body['nodes'].filter(isRow) : [];
    if (shell.mode === 'people') shell.print(new Table(COLUMNS).lines(nodes).join('\n'));
    else for (const node of itemTexts(text, 'nodes')) shell.printJson(node);
    return EXIT_DONE;
  },
});

export const NODE_COMMANDS = [list];
