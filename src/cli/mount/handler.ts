import {MountError} from '../../helper/index.js';
import {PolicyError} from '../../policy/index.js';
import {keepInheritedFds} from '../../sys/inherited.js';
import {type Command, complain, EXIT, print} from '../command.js';
import {mountDefinition} from './options.js';
import {performMount} from './perform.js';

function report(error: unknown, json: boolean): number {
  if (!(error instanceof MountError || error instanceof PolicyError)) throw error;
  const exitCode = error instanceof MountError ? error.exitCode : EXIT.failed;
  if (json) {
    const {message} = error;
    const facts =
      error instanceof MountError ? {code: error.code, errno: error.errnoName} : {code: 'bad-policy'};
    print(JSON.stringify({error: {message, ...facts, exitCode}}));
  } else {
    complain(error.message);
  }
  return exitCode;
}

export const mountCommand: Command = {
  definition: mountDefinition,
  async run([source, target], values) {
    const json = values['json'] === true;
    try {
      keepInheritedFds();
      const result = await performMount({
        source: source!,
        target: target!,
        type: values['type'] as string | undefined,
        options: (values['options'] ?? []) as string[],
        policyDirectory: values['policy'] as string | undefined,
        callerUid: process.getuid!(),
        callerGid: process.getgid!(),
        callerGroups: process.getgroups!(),
        announce: values['no-announce'] !== true,
      });
      if (json) print(JSON.stringify(result));
      return EXIT.done;
    } catch (error) {
      return report(error, json);
    }
  },
};
