/** `conduit completion`: what a shell reads to complete commands and options. */

import { command, type LineCommand } from '../line/command.js';
import { completionScript, SHELLS } from '../line/completion.js';
import { EXIT_DONE, wrongLine } from '../terminal/failure.js';

/** `all`: of which this one is a member. */
export function completionCommand(all: () => readonly LineCommand[]): LineCommand {
  return command({
    name: 'completion',
    takes: ['SHELL'],
    text: `Prints the completion for a shell: ${SHELLS.join(', ')}.`,
    example: 'eval "$(conduit completion bash)"',
    talksTo: 'nothing',
    options: {},
    run: async ({ args, shell }) => {
      const name = SHELLS.find((each) => each === args[0]);
      if (name === undefined) throw wrongLine(`completion takes ${SHELLS.join(', ')}`);
      shell.print(completionScript(name, all()));
      return EXIT_DONE;
    },
  });
}
