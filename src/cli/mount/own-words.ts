import {MountError} from '../../helper/index.js';
import type {Policy} from '../../policy/index.js';
import {sentenceOf} from '../../service/last-words.js';
import {ERRNO} from '../../sys/errno-codes.js';
import {grantHint} from './grant-hint.js';
import {procHint} from './proc-hint.js';

/** Failures that a program may have words for. */
const ITS_OWN: readonly string[] = ['server-refused', 'server-died', 'deadline'];

/**
 * Says of a mount that failed what its server said itself, where nobody could tell of it: a command, and for want of a file which line of policy would grant
 * it; a server of ours, what kept prlimit, bubblewrap or Node from starting it.
 */
export async function inItsWords<T>(policy: Policy, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof MountError)) throw error;
    if (policy.server.command !== undefined) addCommandsWords(error, policy);
    else if (error.code === 'server-died') addWords(error, 'its log says');
    throw error;
  }
}

function addCommandsWords(error: MountError, {server, ownFile, deadlineMs}: Policy): void {
  if (!ITS_OWN.includes(error.code)) return;
  const words = [error.message, ...linesOf(error)];
  const isTold = /; it (?:says|was refused): /.test(error.message);
  if (error.errno === ERRNO.ETIMEDOUT) error.message += `; it had ${deadlineMs / 1000} s (deadline_seconds)`;
  if (!isTold) addWords(error, 'it says');
  const {grants, network} = server;
  const file = ownFile;
  const hint =
    procHint(sentenceOf(linesOf(error))) ??
    (file === undefined ? undefined : grantHint(words, {grants, network, file}));
  if (hint !== undefined) error.message += `; ${hint}`;
}

function addWords(error: MountError, label: string): void {
  const said = sentenceOf(linesOf(error));
  if (said !== '') error.message += `; ${label}: ${said}`;
}

function linesOf(error: MountError): string[] {
  const log = error.details['serverLog'];
  return Array.isArray(log) ? log.map(String) : [];
}
