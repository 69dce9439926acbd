import {MountError} from '../../helper/index.js';
import {PolicyError} from '../../policy/index.js';
import {splitOptions} from '../../service/option-text.js';
import {exitNow} from '../../sys/exit.js';
import {keepInheritedFds} from '../../sys/inherited.js';
import {type Command, complain, type OptionValues, print} from '../command.js';
import {runApart} from '../mount/apart.js';
import {takeBegun} from '../mount/begin.js';
import {mountForCaller, thisCaller} from '../mount/for-caller.js';
import {type MountOrder, rehearseMount} from '../mount/perform.js';
import {UserRequestError} from '../user-client.js';
import {givenOptions} from './caller-options.js';
import {exitCodeOf, MOUNT_EXIT} from './exit-code.js';
import {checkNamespace} from './namespace.js';
import {mountFusewardDefinition} from './options.js';
import {typeOf} from './type.js';

/** A command that is killed at any moment leaves nothing, so it may just as well end itself. */
function endOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => process.exit(MOUNT_EXIT.interrupted));
  }
}

async function perform(source: string, target: string, values: OptionValues): Promise<number> {
  const namespace = values['namespace'] as string | undefined;
  if (namespace !== undefined) checkNamespace(namespace);
  const type = typeOf(values['type'] as string | undefined);
  const texts = (values['options'] ?? []) as string[];
  const {options, readOnly} = givenOptions(texts, {sloppy: values['sloppy'] === true, type});
  const order: MountOrder = {
    source,
    target,
    type,
    options,
    policyDirectory: undefined,
    ...thisCaller(),
    announce: values['fake'] !== true,
  };
  const apart = await runApart(order);
  if (apart !== undefined) return apart;
  if (values['fake'] === true) {
    await rehearseMount(order);
    return MOUNT_EXIT.done;
  }
  const result = await mountForCaller(order);
  const isTighter = result.readOnly && !readOnly;
  // As `fuseward mount`: nothing is printed, and Node's own end takes 10 ms.
  if (!isTighter && values['verbose'] !== true) exitNow(MOUNT_EXIT.done);
  if (isTighter) {
    complain(`${target}: WARNING: ${result.subtype} is only read here, mounted read-only.`);
  }
  if (values['verbose'] !== true) return MOUNT_EXIT.done;
  const rule = result.rule === undefined ? '' : `, allowed by ${result.rule.file}:${result.rule.line}`;
  print(`fuseward: ${source} is on ${target} as ${result.type}${rule}`);
  return MOUNT_EXIT.done;
}

/** `nofail`: what is not there need not be. mount(8) leaves that to its helpers. */
function isExpected(error: unknown, values: OptionValues): boolean {
  const missing =
    (error instanceof MountError && error.code === 'source-missing') ||
    (error instanceof UserRequestError &&
      error.failure.code === 'source-unreadable' &&
      error.failure.errno === 'ENOENT');
  if (!missing) return false;
  const texts = (values['options'] ?? []) as string[];
  return splitOptions(texts.join(',')).some(({key}) => key === 'nofail');
}

export const mountFusewardCommand: Command = {
  definition: mountFusewardDefinition,
  async run([source, target], values) {
    keepInheritedFds();
    endOnSignals();
    try {
      return await perform(source!, target!, values);
    } catch (error) {
      if (isExpected(error, values)) return MOUNT_EXIT.done;
      complain(error instanceof Error ? error.message : String(error));
      if (error instanceof MountError) return exitCodeOf(error.code, error.errnoName);
      if (error instanceof UserRequestError) return exitCodeOf(error.failure.code, error.failure.errno);
      return error instanceof PolicyError ? exitCodeOf('bad-policy', undefined) : MOUNT_EXIT.internal;
    } finally {
      // What no mount asked for.
      await takeBegun()?.abandon();
    }
  },
};
