import {MountError} from '../../helper/index.js';
import type {Policy} from '../../policy/index.js';
import {sentenceOf} from '../../service/last-words.js';
import {ERRNO} from '../../sys/errno-codes.js';
import {grantHint} from './grant-hint.js';
import {procHint} from './proc-hint.js';

/** Failures that a program may have words for. */
const ITS_OWN: readonly string[] = ['server-refused', 'server-died', 'deadline'];

/** Says of a command that failed what it said itself, where nobody could tell of it, and for want of a file which line of policy would grant it. */
export async function inItsWords<T>(
  {server, ownFile, deadlineMs}: Policy,
  act: () => Promise<T>,
): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof MountError) || server.command === undefined) throw error;
    if (!ITS_OWN.includes(error.code)) throw error;
    const log = error.details['serverLog'];
    const lines = Array.isArray(log) ? log.map(String) : [];
    const words = [error.message, ...lines];
    const said = sentenceOf(lines);
    const isTold = /; it (?:says|was refused): /.test(error.message);
    if (error.errno === ERRNO.ETIMEDOUT)
      error.message += `; it had ${deadlineMs / 1000} s (deadline_seconds)`;
    if (said !== '' && !isTold) error.message += `; it says: ${said}`;
    const {grants, network} = server;
    const file = ownFile;
    const hint =
      procHint(said) ?? (file === undefined ? undefined : grantHint(words, {grants, network, file}));
    if (hint !== undefined) error.message += `; ${hint}`;
    throw error;
  }
}
