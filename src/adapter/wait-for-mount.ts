import {setImmediate} from 'node:timers/promises';
import type {FailedEvent} from '../control/messages.js';
import {MountRefusal} from '../server/driver.js';
import {waitAny, waitReadable} from '../sys/socket.js';
import type {Door} from './door.js';
import type {OneMount} from './one-mount.js';
import type {Program} from './program.js';

/** Longest stretch for which the event loop stands still, ms: the ends of programs are events. Shorter once an answer is on its way. */
const SLICE_MS = 20;
const ANSWER_SLICE_MS = 2;

/** Who takes part in the wait. */
export interface Waiting {
  readonly program: Program;
  readonly mount: OneMount;
  readonly doors: readonly Door[];
  /** The conversation's socket: the helper says nothing while nothing is asked of it. */
  readonly conversation: number;
  readonly fuseDevice: number;
  /** Tells the helper why the mount would have failed if it gave up now. */
  readonly prepare: (reason: FailedEvent) => void;
}

/**
 * Serves the doors until the program has its mount and has taken the kernel's first request from it: then nothing is left to be done
 * for it. How long that may take is the helper's affair, who hangs up at its deadline.
 *
 * @throws MountRefusal when the program ends first or the mount can't be had
 */
export async function waitForMount(waiting: Waiting): Promise<void> {
  const {program, mount, prepare} = waiting;
  prepare(failure('never-mounted', `${program.name} runs, but has not mounted anything`));
  for (let told = false; ; ) {
    serveDoors(waiting, mount.made ? ANSWER_SLICE_MS : SLICE_MS);
    await setImmediate();
    if (mount.made && !told) {
      told = true;
      prepare(failure('not-serving', `${program.name} has its mount, but does not serve it`));
    }
    // The kernel's INIT is there as soon as the mount is, and is gone when somebody has read it.
    if (mount.made && !waitReadable(waiting.fuseDevice, 0)) return;
    if (program.gone) throw endedEarly(program, mount);
  }
}

function serveDoors({doors, conversation}: Waiting, timeoutMs: number): void {
  const ways = doors.map((door) => ({door, fds: door.fds()}));
  const all = [conversation, ...ways.flatMap(({fds}) => fds)];
  const ready = new Set(waitAny(all, timeoutMs));
  if (ready.has(conversation))
    throw new MountRefusal('ECONNRESET', 'helper-gone', 'the mount helper has hung up');
  for (const {door, fds} of ways) for (const fd of fds) if (ready.has(fd)) door.serve(fd);
}

function endedEarly(program: Program, mount: OneMount): MountRefusal {
  const when = mount.made ? ' before it served its mount' : ' without having mounted anything';
  const refusal = mount.refusal === undefined ? '' : `; it was refused: ${mount.refusal}`;
  const said = program.lastWords;
  // What it was told by the stand-in need not be told twice.
  const isKnown = mount.refusal !== undefined && said === `fusermount3: mount failed: ${mount.refusal}`;
  const words = said === '' || isKnown ? '' : `; it says: ${said}`;
  return new MountRefusal(
    'ECHILD',
    'program-ended',
    `${program.name} ${program.ending}${program.started ? when : ''}${refusal}${words}`,
  );
}

function failure(code: string, message: string): FailedEvent {
  return {event: 'failed', errno: 'ETIMEDOUT', code, message};
}
