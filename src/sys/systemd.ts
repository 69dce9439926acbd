import {errnoOf} from './errno.js';
import {ERRNO} from './errno-codes.js';
import {setCloseOnExec} from './fd.js';

const FIRST_FD = 3;
/** More than anybody passes; keeps a made-up count from becoming a long loop. */
const MOST_FDS = 1024;

/** Descriptors handed over at start, and their names (`unknown` where systemd gave none), one for each. */
export interface PassedFds {
  fds: number[];
  names: string[];
}

/**
 * The descriptors a service manager passed, by the protocol of sd_listen_fds(3): LISTEN_PID must be `pid`, LISTEN_FDS a count of
 * open descriptors from 3 on. They are set close-on-exec and the variables are removed from `env`, so that children don't take them for theirs.
 * Variables meant for another process, or without sense, give none; they are removed too.
 *
 * @throws Errno of fcntl(2), but for EBADF, which is counted as a count without sense
 */
export function listenFds(env: NodeJS.ProcessEnv = process.env, pid: number = process.pid): PassedFds {
  const {LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES} = env;
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID']) delete env[name];
  const nothing: PassedFds = {fds: [], names: []};
  if (wholeNumber(LISTEN_PID) !== pid) return nothing;
  const count = wholeNumber(LISTEN_FDS);
  if (count === undefined || count === 0 || count > MOST_FDS) return nothing;
  const given = LISTEN_FDNAMES === undefined || LISTEN_FDNAMES === '' ? [] : LISTEN_FDNAMES.split(':');
  const fds = Array.from({length: count}, (_, index) => FIRST_FD + index);
  try {
    for (const fd of fds) setCloseOnExec(fd, true);
  } catch (error) {
    if (errnoOf(error) === ERRNO.EBADF) return nothing;
    throw error;
  }
  return {fds, names: fds.map((_, index) => given[index] || 'unknown')};
}

/** A decimal number without sign or spaces, or undefined. */
function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  return Number(text);
}
