import {rehearseLook} from '../../launch/rehearsed-look.js';
import {rehearseHelperEnd} from '../../service/rehearse-helper-end.js';
import {output} from '../command.js';
import {thisCaller} from '../mount/for-caller.js';
import {rehearseMount} from '../mount/perform.js';

/** How often: the first time compiles, later ones find it compiled, and code that ran often is compiled better. */
const TIMES = 6;

/**
 * Goes through what a mount does, for nothing: the way to policy's decision with this program's own file as an image, a conversation with a server
 * that is none, and the look at its own. Code that runs for the first time takes several times as long, and nobody waits for it now.
 *
 * @param serverPid its server, where a mount looks at it
 */
export async function warmUp(
  type: string,
  policy: {readonly policyDirectory: string | undefined; readonly heldPolicy: string | undefined},
  serverPid: number | undefined,
): Promise<void> {
  output();
  for (let time = 0; time < TIMES; time++) {
    try {
      await rehearseHelperEnd();
      const paths = {source: process.argv[1]!, target: '/'};
      await rehearseMount({...paths, type, options: ['ro'], ...policy, ...thisCaller(), announce: false});
    } catch {
      // Policy may well deny the mount: it has been asked.
    }
    if (serverPid !== undefined) rehearseLook(serverPid);
  }
}
