import {foreignText} from '../service/foreign-text.js';
import type {Outcome} from '../service/helper-conversation.js';
import {Errno, errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import type {ServerFailure} from './control-channel.js';
import {errnoWords, MountError, type MountErrorCode} from './errors.js';
import {ContextError} from './kernel-mount.js';
import {busy} from './source.js';

/** What is known when a conversation ended without a mount. */
export interface Evidence {
  object: string;
  source: string;
  outcome: Outcome;
  /** What went wrong on our side. */
  problem: {action: 'open' | 'mount'; error: unknown} | undefined;
  /** Why a member was not opened. */
  memberProblem?: unknown;
  /** What the server said. */
  failure: ServerFailure | undefined;
  /** What the server found the source to hold. */
  detectedType: string | undefined;
  /** The server's own log, where we have it. */
  serverLog: string | undefined;
}

/** What a server of ours says when it gives up for want of a member. */
const MEMBER_REFUSED = 'member-refused';

/** Characters of the server's log that are kept. */
const LOG_TAIL = 2000;

/**
 * One sentence out of what is known: our own findings first (a busy source, the kernel's refusal), then the server's
 * word, labelled as such, then how it ended.
 */
export function explain(evidence: Evidence): MountError {
  const {object, outcome, problem, memberProblem, failure} = evidence;
  const details: Record<string, unknown> = {...serverLogOf(evidence.serverLog)};
  if (outcome.ended === 'goodbye') details['serverExitCode'] = outcome.exitCode;
  if (failure !== undefined) details['server'] = failure;
  if (hasNoDriver(outcome)) details['detected'] = evidence.detectedType;
  if (problem !== undefined) {
    const {error} = problem;
    if (error instanceof MountError) return error;
    const errno = errnoOf(error);
    if (problem.action === 'open' && errno === ERRNO.EBUSY) return busy(evidence.source);
    if (problem.action === 'mount') return kernelRefusal(object, error, details);
  }
  // It knows that a member was refused, and we know why.
  if (failure?.code === MEMBER_REFUSED && memberProblem instanceof MountError) return memberProblem;
  if (failure !== undefined) {
    const errno = failure.errno === undefined ? undefined : ERRNO[failure.errno];
    const text = failure.message === '' ? failure.code : failure.message;
    // How its program ended is told; that it did is no error number of anybody's.
    const number = failure.errno === undefined || failure.errno === 'ECHILD' ? '' : ` (${failure.errno})`;
    const reason = `the server says: ${text}${number}`;
    return new MountError({object, reason, ...refusal(outcome)}, {errno, details, ...exitCodeOf(outcome)});
  }
  if (problem !== undefined) {
    const errno = errnoOf(problem.error);
    return new MountError(
      {
        object: evidence.source,
        reason: `it can't be opened: ${errnoWords(errno)}`,
        code: 'source-unreadable',
      },
      {errno, details, cause: problem.error},
    );
  }
  if (outcome.ended === 'goodbye') {
    const reason =
      outcome.exitCode === 0
        ? 'the server said goodbye without having anything mounted'
        : `the server failed with exit code ${outcome.exitCode}`;
    return new MountError({object, reason, ...refusal(outcome)}, {details, ...exitCodeOf(outcome)});
  }
  return brokenConversation(object, outcome.reason, details);
}

/** The code that a server leaves with when it knows no driver for what the source holds. */
const NO_DRIVER = 2;

function hasNoDriver(outcome: Outcome): boolean {
  return outcome.ended === 'goodbye' && outcome.exitCode === NO_DRIVER;
}

function refusal(outcome: Outcome): {code: MountErrorCode} {
  if (outcome.ended === 'failed' && outcome.reason.code === 'deadline') return {code: 'deadline'};
  return {code: hasNoDriver(outcome) ? 'no-driver' : 'server-refused'};
}

function exitCodeOf(outcome: Outcome): {exitCode?: 2} {
  return hasNoDriver(outcome) ? {exitCode: NO_DRIVER} : {};
}

/** A conversation that ended against the rules. */
export function brokenConversation(
  object: string,
  error: Error & {code?: unknown},
  details: Record<string, unknown>,
): MountError {
  const codes: Readonly<Record<string, MountErrorCode>> = {closed: 'server-died', deadline: 'deadline'};
  const code = codes[String(error.code)] ?? 'conversation';
  // Ours, but it may quote what came over the wire.
  const text = foreignText(error.message.replace(/^command: /, ''));
  const reason = code === 'conversation' ? `the server broke the protocol: ${text}` : text;
  return new MountError({object, reason, code}, {errno: errnoOf(error), details, cause: error});
}

/** The kernel did not make the mount; its own messages come along. */
export function kernelRefusal(object: string, error: unknown, details: Record<string, unknown>): MountError {
  if (error instanceof MountError) return error;
  const errno = errnoOf(error);
  const said = error instanceof ContextError ? error.messages.map((line) => `: ${line}`).join('') : '';
  const call = error instanceof Errno ? ` in ${error.call}` : '';
  return new MountError(
    {object, reason: `the kernel refused${call}: ${errnoWords(errno)}${said}`, code: 'kernel'},
    {errno, details, cause: error},
  );
}

/** The end of the server's log, line by line fit for a terminal. */
export function serverLogOf(log: string | undefined): {serverLog?: string[]} {
  if (log === undefined || log === '') return {};
  const lines = log.slice(-LOG_TAIL).split('\n');
  const clean = lines.map((line) => foreignText(line, 300)).filter((line) => line !== '');
  return clean.length === 0 ? {} : {serverLog: clean};
}
