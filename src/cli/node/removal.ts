/** Commands that take something away by one DELETE, once whoever asks has said that he means it. */
import { command, type LineCommand } from '../line/command.js';
import { consent, YES_OPTION } from '../terminal/consent.js';
import { EXIT_DONE } from '../terminal/failure.js';
import { apiOf, showDone } from './shown.js';

export interface Removal {
  name: string;
  takes: readonly string[];
  text: string;
  example: string;
  /** What is lost, after "This". */
  what: string;
  /** In what is shown of it when it is done: `deleted`. */
  done: string;
  path(args: readonly string[]): string;
}

/** The last argument is what he types to go on. */
export function removal({ what, done, path, ...told }: Removal): LineCommand {
  return command({
    ...told,
    talksTo: 'node',
    options: { yes: YES_OPTION },
    run: async (asked) => {
      const { args, options, shell } = asked;
      const api = apiOf(asked);
      await consent(shell, { name: args.at(-1) ?? '', what, yes: options.yes });
      await api.ask(path(args), { method: 'DELETE' });
      showDone(shell, { [done]: args.join('/') });
      return EXIT_DONE;
    },
  });
}
