import {accessSync, constants, statSync} from 'node:fs';
import {MountError, subtypeOf} from '../../helper/index.js';
import {SERVICE_DIRECTORY} from '../../launch/index.js';
import {PolicyError} from '../../policy/index.js';
import {errnoOf} from '../../sys/errno.js';
import {ERRNO} from '../../sys/errno-codes.js';
import {keepInheritedFds} from '../../sys/inherited.js';
import {type Command, complain, EXIT, type OptionValues, UsageError} from '../command.js';
import {runApart} from '../mount/apart.js';
import {isPrivileged, mountForCaller, thisCaller} from '../mount/for-caller.js';
import {reportFailure, UserRequestError} from '../user-client.js';
import {fuservicemountDefinition} from './options.js';

function noService(subtype: string): number {
  complain(`no safe filesystem driver for ${subtype} available`);
  return EXIT.noDriver;
}

/** Whether the real user may connect to a socket for the type (access(2) asks for the real one). */
function check(subtype: string): number {
  const path = `${SERVICE_DIRECTORY}/${subtype}`;
  try {
    if (!statSync(path).isSocket()) {
      complain(`can't use ${path}: it is no socket`);
      return EXIT.failed;
    }
    accessSync(path, constants.W_OK);
    return EXIT.done;
  } catch (error) {
    if (errnoOf(error) === ERRNO.ENOENT) return noService(subtype);
    complain(`can't use ${path}: ${error instanceof Error ? error.message : String(error)}`);
    return EXIT.failed;
  }
}

async function perform(source: string, target: string, type: string, values: OptionValues): Promise<number> {
  try {
    const apart = await runApart({source, target, type, policyDirectory: undefined});
    if (apart !== undefined) return apart;
    await mountForCaller({
      source,
      target,
      type,
      options: (values['options'] ?? []) as string[],
      policyDirectory: undefined,
      ...thisCaller(),
      announce: true,
      socketOnly: true,
    });
    return EXIT.done;
  } catch (error) {
    if (error instanceof UserRequestError) return reportFailure(error.failure, false);
    if (!(error instanceof MountError || error instanceof PolicyError)) throw error;
    if (error instanceof MountError && error.code === 'no-driver') return noService(subtypeOf(type));
    complain(error.message);
    return error instanceof MountError ? exitCodeOf(error) : EXIT.failed;
  }
}

/** The code that the server said goodbye with, where it did; a process has eight bits for it, and a failure must not become 0 by that. */
function exitCodeOf({details}: MountError): number {
  return Number(details['serverExitCode'] ?? EXIT.failed) & 0xff || EXIT.failed;
}

export const fuservicemountCommand: Command = {
  definition: fuservicemountDefinition,
  async run([source, target], values) {
    const type = values['type'] as string | undefined;
    if (type === undefined) throw new UsageError('-t TYPE is missing');
    let subtype: string;
    try {
      subtype = subtypeOf(type);
    } catch (error) {
      complain((error as Error).message);
      return EXIT.failed;
    }
    if (values['check'] === true) return check(subtype);
    if (source === undefined || target === undefined) throw new UsageError('an argument is missing');
    keepInheritedFds();
    // The manager, which mounts for a user, is not told that only a socket will do.
    const found = isPrivileged() ? EXIT.done : check(subtype);
    return found === EXIT.done ? await perform(source, target, type, values) : found;
  },
};
