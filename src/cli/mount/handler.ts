import {setTimeout as sleep} from 'node:timers/promises';
import {MountError, type MountResult} from '../../helper/index.js';
import type {HeldServer} from '../../launch/held-server.js';
import {PolicyError} from '../../policy/index.js';
import {exitNow} from '../../sys/exit.js';
import {keepInheritedFds} from '../../sys/inherited.js';
import {type Command, complain, EXIT, type OptionValues, output, print, UsageError} from '../command.js';
import {reportFailure, UserRequestError} from '../user-client.js';
import {runApart} from './apart.js';
import {mountAsUser} from './as-user.js';
import {takeBegun} from './begin.js';
import {isPrivileged, thisCaller} from './for-caller.js';
import {mountDefinition} from './options.js';
import {performMount} from './perform.js';

/**
 * A manager has its answer with the last line and waits for no more: taking this process's memory apart, which keeps a processor for 6 ms, comes
 * when the mount's caller has heard of it and asked for a first file.
 */
const BEFORE_END_MS = 50;

function report(error: unknown, json: boolean): number {
  if (error instanceof UserRequestError) return reportFailure(error.failure, json);
  if (!(error instanceof MountError || error instanceof PolicyError)) throw error;
  const exitCode = error instanceof MountError ? error.exitCode : EXIT.failed;
  if (json) {
    const {message} = error;
    const facts =
      error instanceof MountError
        ? {code: error.code, errno: error.errnoName, rule: error.rule}
        : {code: 'bad-policy'};
    print(JSON.stringify({error: {message, ...facts, exitCode}}));
  } else {
    complain(error.message);
  }
  return exitCode;
}

function mountFor(
  [source, target]: readonly [string, string],
  values: OptionValues,
  ready: HeldServer | undefined,
): MountResult | Promise<MountResult> {
  const type = values['type'] as string | undefined;
  const options = (values['options'] ?? []) as string[];
  if (!isPrivileged()) {
    if (values['policy'] !== undefined) throw new UsageError('--policy is for root');
    return mountAsUser({source, target, type, options});
  }
  return performMount({
    ...{source, target, type, options},
    policyDirectory: values['policy'] as string | undefined,
    heldPolicy: values['held-policy'] as string | undefined,
    ...thisCaller(),
    announce: values['no-announce'] !== true,
    forManager: values['for-manager'] === true,
    ready,
  });
}

/** The command. @param ready a server that waits, for a mount that would start the same */
export async function runMount(
  [source, target]: readonly string[],
  values: OptionValues,
  ready?: HeldServer,
): Promise<number> {
  const json = values['json'] === true;
  try {
    keepInheritedFds();
    const apart = await runApart({
      ...{source: source!, target: target!},
      type: values['type'] as string | undefined,
      policyDirectory: values['policy'] as string | undefined,
      heldPolicy: values['held-policy'] as string | undefined,
    });
    if (apart !== undefined) return apart;
    const result = await mountFor([source!, target!], values, ready);
    if (json) print(JSON.stringify(result));
    if (values['for-manager'] === true) await sleep(BEFORE_END_MS);
    // Node's own end takes 10 ms and more.
    if (!json || output().writableLength === 0) exitNow(EXIT.done);
    return EXIT.done;
  } catch (error) {
    return report(error, json);
  } finally {
    // What no mount asked for.
    await takeBegun()?.abandon();
  }
}

export const mountCommand: Command = {
  definition: mountDefinition,
  run: (positionals, values) => runMount(positionals, values),
};
