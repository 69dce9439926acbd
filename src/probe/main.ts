import {writeSync} from 'node:fs';
import {closeUnknown} from '../server/descriptors.js';
import {lockDownFilter, restrictProcess} from '../server/lock-down.js';
import {restrictThread} from '../server/restrict-thread.js';
import {isJitless} from '../server/runtime-flags.js';
import {exitNow} from '../sys/exit.js';
import {failingHandler, handleForbiddenCalls} from '../sys/forbidden-call.js';
import {rawSystemCall, startSleepingThread} from '../sys/raw-system-call.js';
import {receivePacket} from '../sys/socket.js';
import type {Act, Ground} from './act.js';
import {FILE_ACTS} from './file-acts.js';
import {NETWORK_ACTS} from './network-acts.js';
import {PRIVILEGE_ACTS} from './privilege-acts.js';
import {PROCESS_ACTS} from './process-acts.js';
import type {ActReport, Outcome, ProbeEnd, ProbeTask} from './report.js';
import {fillLog, fillThreads, makeExecutable, RESOURCE_ACTS, replaceHandler} from './resource-acts.js';

const AF_UNIX = 1;
const AF_INET = 2;
const SOCK_STREAM = 1;
const CONVERSATION_FD = 3;
const TASK_MS = 10_000;
/** A victim that nobody ends any more ends by itself. */
const WAIT_MS = 120_000;

/** Those before the last ones leave the probe as it was. */
const ACTS: readonly Act[] = [
  ...FILE_ACTS,
  ...NETWORK_ACTS,
  ...PROCESS_ACTS,
  ...PRIVILEGE_ACTS,
  ...RESOURCE_ACTS,
  makeExecutable,
  replaceHandler,
  fillThreads,
  fillLog,
];

function report(task: ProbeTask, message: ActReport | ProbeEnd): void {
  writeSync(task.reportFd, `${JSON.stringify(message)}\n`);
}

function descriptor(name: Parameters<typeof rawSystemCall>[0], ...args: Array<number | Uint8Array>): number {
  return rawSystemCall(name, ...args)?.result ?? -1;
}

/** The image that comes over the conversation. */
function receiveImage(): number {
  const {fds} = receivePacket(CONVERSATION_FD, new Uint8Array(16), {maxFds: 1, timeoutMs: TASK_MS});
  return fds[0]?.release() ?? -1;
}

function prepare(task: ProbeTask): Ground {
  const name = new TextEncoder().encode('probe\0');
  const memfd = descriptor('memfd_create', name, 0);
  rawSystemCall('ftruncate', memfd, 4096);
  // Looks up the functions that acts need.
  startSleepingThread(0);
  return {
    task,
    imageFd: task.imageFd ?? receiveImage(),
    tcpSocket: descriptor('socket', AF_INET, SOCK_STREAM, 0),
    unixSocket: descriptor('socket', AF_UNIX, SOCK_STREAM, 0),
    memfd,
    ownPidfd: descriptor('pidfd_open', process.pid, 0),
    victimPidfd: descriptor('pidfd_open', task.victim, 0),
  };
}

function tryAll(ground: Ground, stage: ActReport['stage'], acts: readonly Act[]): void {
  for (const act of acts) {
    report(ground.task, {act: act.name, stage});
    let outcome: Outcome;
    try {
      outcome = act.attempt(ground);
    } catch (error) {
      outcome = {result: 'not-tried', detail: String(error)};
    }
    report(ground.task, {act: act.name, stage, outcome});
  }
}

/**
 * Every act under the sandbox alone, then with landlock, then under the server's own filter. A handler of its own lets forbidden calls
 * fail, so that the next act can be tried.
 */
function tryEverything(task: ProbeTask): void {
  const ground = prepare(task);
  const {imageFd, tcpSocket, unixSocket, memfd, ownPidfd, victimPidfd} = ground;
  const harmless = ACTS.filter((act) => act.onlyLocked !== true);
  tryAll(ground, 'sandbox', harmless);
  const landlock = restrictThread();
  if (landlock > 0) tryAll(ground, 'landlock', harmless);
  closeUnknown(
    new Set([task.reportFd, CONVERSATION_FD, imageFd, tcpSocket, unixSocket, memfd, ownPidfd, victimPidfd]),
  );
  restrictProcess(lockDownFilter(() => handleForbiddenCalls(failingHandler())));
  tryAll(ground, 'locked', ACTS);
  report(task, {end: true, landlock, jitless: isJitless()});
}

/** The server's lock-down as it is, and a forbidden call: what is left is a line in the log. */
function fall(): void {
  rawSystemCall('getpid');
  restrictThread();
  restrictProcess();
  rawSystemCall('socket', AF_INET, SOCK_STREAM, 0);
}

const task = JSON.parse(process.argv[2] ?? '{}') as ProbeTask;
if (task.do === 'try') {
  tryEverything(task);
  exitNow(0);
} else if (task.do === 'fall') {
  fall();
  exitNow(0);
} else {
  setTimeout(() => exitNow(0), WAIT_MS);
}
