import type {CommandPlan} from '../control/command-plan.js';
import {MountRefusal} from '../server/driver.js';
import {log} from '../server/log.js';
import {refusalOf} from '../server/refusal.js';
import {report} from '../server/report.js';
import {replaceProcess} from '../sys/execve.js';
import {setCloseOnExec} from '../sys/fd.js';
import {keepInheritedFds} from '../sys/inherited.js';
import {MS_RDONLY} from '../sys/mount-flags.js';
import {setDumpable} from '../sys/process.js';
import {CallDoor} from './call-door.js';
import {type CallerOptions, sortCallerOptions} from './caller-options.js';
import {fillCommand} from './command-words.js';
import type {Door} from './door.js';
import {LastWords} from './last-words.js';
import {type LockDown, lockDown} from './lock-down.js';
import {markMounted} from './mount-marker.js';
import {OneMount} from './one-mount.js';
import {checkExecutable, type Execution, notExecuted, Program} from './program.js';
import type {Session} from './session.js';
import {ShimDoor} from './shim-door.js';
import {openSource, type ProgramSource} from './source.js';
import {waitForMount} from './wait-for-mount.js';
import {sortWishes} from './wishes.js';

/** First descriptor of a program behind the standard ones. */
const FIRST_FD = 3;

/** Where the adapter keeps what the program is to find. */
export interface Places {
  /** A directory in memory that the program's user may write to; first on the program's PATH. */
  readonly bin: string;
  /** The words that run this program's stand-in for fusermount. */
  readonly shim: readonly string[];
}

/** All that is known once the conversation has begun and the process is locked down. */
interface Prepared extends Session {
  readonly plan: CommandPlan;
  readonly options: CallerOptions;
  readonly source: ProgramSource;
  readonly mount: OneMount;
  readonly held: LockDown;
}

/** What is asked of the lock-down by each way. */
const SUPERVISED = {auto: 'wished', mount: 'required', fusermount: 'no', descriptor: 'no'} as const;

/**
 * Runs a program until it serves its mount.
 * @returns the exit code; with the way `descriptor` this process becomes the program instead
 */
export async function serve(plan: CommandPlan, session: Session, places: Places): Promise<number> {
  let program: Program | undefined;
  try {
    const prepared = prepare(plan, session);
    if (plan.way === 'descriptor') return becomeProgram(prepared);
    const {mount, doors} = openDoors(prepared, places);
    program = startProgram(prepared, places);
    await waitForMount({
      program,
      mount,
      doors,
      conversation: session.conversation.fd,
      fuseDevice: session.fuseDevice.fd,
      prepare: (reason) => report(session.control, reason),
    });
    session.conversation.goodbye(0);
    return 0;
  } catch (error) {
    const {exitCode, ...reason} = refusalOf(error);
    log('error', {...reason}, 'the mount failed');
    report(session.control, {event: 'failed', ...reason});
    program?.kill();
    session.conversation.goodbye(exitCode);
    return 1;
  }
}

function prepare(plan: CommandPlan, session: Session): Prepared {
  const {conversation, place, control, fuseDevice, hello} = session;
  checkExecutable(plan.command[0]!);
  const options = sortCallerOptions(place.options);
  const held = lockDown(plan.network, SUPERVISED[plan.way]);
  // What it starts has the same user and must not look into it.
  setDumpable(false);
  report(control, held.event);
  const source = openSource(conversation, place.source, plan.source, options.readOnly);
  const caller = {flags: options.flags | (source.readOnly ? MS_RDONLY : 0), fuse: options.fuse};
  const {allowOther, fuseblk} = hello;
  const onMade = (): void => markMounted(plan.target);
  const mount = new OneMount({
    ...{conversation, place, fuseDevice, caller, allowOther, fuseblk, onMade},
    target: plan.target,
  });
  return {...session, plan, options, source, mount, held};
}

/** The way `descriptor`: the mount is made, and then this very process is the program. */
function becomeProgram(prepared: Prepared): never {
  const {plan, source, mount, fuseDevice, conversation} = prepared;
  mount.request(sortWishes([]));
  const secrets = new Map(plan.secrets.map(({name, fd}) => [name, fd]));
  const {words, environment} = execution(prepared, {
    target: `/dev/fd/${fuseDevice.fd}`,
    sourceFd: source.fd?.fd,
    secrets,
  });
  keepInheritedFds();
  for (const fd of [fuseDevice.fd, source.fd?.fd, prepared.lock?.fd, ...secrets.values()]) {
    if (fd !== undefined) setCloseOnExec(fd, false);
  }
  log('info', {way: 'descriptor'}, 'the program gets its mount as a descriptor');
  conversation.goodbye(0);
  try {
    replaceProcess(words[0]!, words, environment);
  } catch (error) {
    // Nobody listens any more, but the log is shown when the mount does not work.
    log('error', {reason: notExecuted(words[0]!, error).message}, 'the program does not start');
    process.exit(1);
  }
}

function openDoors({plan, mount, held}: Prepared, {bin, shim}: Places): {mount: OneMount; doors: Door[]} {
  const doors: Door[] = [];
  if (held.calls !== undefined) doors.push(new CallDoor(mount, held.calls));
  if (plan.way === 'mount') return {mount, doors};
  try {
    doors.push(new ShimDoor(mount, {directory: bin, shim}));
  } catch (error) {
    const reason = `no fusermount can be put into ${bin}: ${error instanceof Error ? error.message : String(error)}`;
    if (doors.length === 0) throw new MountRefusal('EIO', 'no-shim', reason);
    log('warn', {reason}, 'mount(2) of the program is answered, fusermount is not');
  }
  return {mount, doors};
}

function startProgram(prepared: Prepared, {bin}: Places): Program {
  const {plan, source, lock} = prepared;
  // The numbers are those of the list below it.
  const inherited = [source.fd?.fd, ...plan.secrets.map(({fd}) => fd), lock?.fd].filter(
    (fd) => fd !== undefined,
  );
  const numberOf = (fd: number): number => FIRST_FD + inherited.indexOf(fd);
  const filled = execution(prepared, {
    target: plan.target,
    sourceFd: source.fd === undefined ? undefined : numberOf(source.fd.fd),
    secrets: new Map(plan.secrets.map(({name, fd}) => [name, numberOf(fd)])),
  });
  keepInheritedFds();
  const {PATH = '/usr/bin:/usr/sbin:/bin:/sbin'} = plan.environment;
  const environment = {...filled.environment, PATH: `${bin}:${PATH}`};
  return new Program({...filled, environment}, inherited, new LastWords());
}

function execution(
  {plan, options, source}: Prepared,
  values: {target: string; sourceFd: number | undefined; secrets: ReadonlyMap<string, number>},
): Execution {
  const {target, secrets} = values;
  const text =
    source.readOnly && !options.readOnly ? ['ro', options.text].filter(Boolean).join(',') : options.text;
  const words = fillCommand(plan, {
    source: sourceName(plan, values.sourceFd),
    target,
    options: text,
    secrets,
  });
  return {words, environment: plan.environment};
}

function sourceName({source}: CommandPlan, fd: number | undefined): string {
  switch (source.kind) {
    case 'served':
      return `/dev/fd/${fd}`;
    case 'bound':
      return source.path;
    case 'name':
      return source.text;
  }
}
