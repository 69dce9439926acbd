import {type MountStatus, mountStatus} from '../../launch/mount-status.js';
import {readProcessMemfd} from '../../launch/process-memfd.js';
import {COUNTERS_NAME, COUNTERS_SIZE, foreignCounters, reportCounters} from '../../server/shared-counters.js';
import {AnswerError} from '../admin-client.js';
import {type Command, CommandError, EXIT, print} from '../command.js';
import {chooseMount, type MountSource, withSource} from '../mount-source.js';
import {json} from '../terminal/text.js';
import {statusDefinition} from './options.js';
import {type Knowledge, statusReport} from './report.js';

/** What the server tells in memory that it shares; its own word, like everything in its memory. */
function ownWord(status: MountStatus | undefined): Pick<Knowledge, 'counters' | 'state'> {
  const none = {counters: undefined, state: undefined};
  if (status?.containment === undefined) return none;
  const memory = readProcessMemfd(status.containment.pid, COUNTERS_NAME, COUNTERS_SIZE);
  if (memory === undefined) return none;
  const counters = foreignCounters(memory);
  return {counters: reportCounters(counters), state: counters.state()};
}

/** What the kernel tells of the mount with this id; undefined when another one covers it, or it is not in our table. */
function kernelStatus(target: string, id: string): MountStatus | undefined {
  try {
    const status = mountStatus(target);
    return String(status.connectionId) === id ? status : undefined;
  } catch {
    return undefined;
  }
}

async function learn(source: MountSource, target: string): Promise<Knowledge> {
  const mount = chooseMount(await source.mounts(), target);
  const status = kernelStatus(mount.target, mount.id);
  const privileged = process.geteuid?.() === 0;
  if (!source.managed) {
    if (status === undefined) throw new CommandError(`another mount covers the one with the id ${mount.id}`);
    return {status, ...ownWord(status), managed: undefined, privileged};
  }
  const stats = await source.stats(mount.id).catch((error: unknown) => {
    // The manager has no statistics of a server that is not ours or does not answer; the rest is worth telling.
    if (error instanceof AnswerError) return undefined;
    throw error;
  });
  return {status, ...ownWord(status), managed: {mount, stats}, privileged};
}

export const statusCommand: Command = {
  definition: statusDefinition,
  async run([target], values) {
    const known = await withSource(values, (source) => learn(source, target!));
    if (values['json'] === true) {
      const {status, counters, state, managed} = known;
      print(json({...status, counters, state, manager: managed?.mount ?? null}, 2));
    } else {
      for (const line of statusReport(known)) print(line);
    }
    return EXIT.done;
  },
};
