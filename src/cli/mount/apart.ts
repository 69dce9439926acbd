import {MountError, subtypeOf} from '../../helper/index.js';
import {loadPolicy} from '../../policy/index.js';
import {childProcess} from '../../sys/child-process.js';
import {ERRNO} from '../../sys/errno-codes.js';
import {EXIT, output} from '../command.js';
import {APART, needsAnother} from './hanging-places.js';
import {policyFiles} from './policy-place.js';

/** How long after the deadline an attempt may still take to undo what it did and to say so. */
const GRACE_MS = 5_000;

/** What of a mount says where it may hang, and for how long. */
export interface Attempt {
  readonly source: string;
  readonly target: string;
  readonly type: string | undefined;
  readonly policyDirectory: string | undefined;
  readonly heldPolicy?: string | undefined;
}

/**
 * Runs this very command in a process of its own, where source or target may hang, and waits for it no longer than its deadline. A look at
 * a file whose FUSE server has taken the request and does not answer can't be ended by anything, not even by a signal; that process then stays until
 * the server answers or ends, with nothing done, and this one tells what happened. Nothing of an attempt outlives its process.
 *
 * @returns the exit code of the attempt; undefined where nothing can hang, and in the process that is the attempt
 * @throws MountError `deadline`; PolicyError, and MountError `bad-type`
 */
export async function runApart({source, target, type, ...policy}: Attempt): Promise<number | undefined> {
  if (!needsAnother({source, target})) return undefined;
  const subtype = type === undefined ? undefined : subtypeOf(type);
  const {deadlineMs} = loadPolicy(subtype, policyFiles(policy));
  const child = childProcess().spawn(process.execPath, process.argv.slice(1), {
    env: {...process.env, [APART]: '1'},
    // Pipes of ours: one that stays must not keep those open on which somebody waits for our own end.
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.pipe(output(), {end: false});
  child.stderr.pipe(process.stderr, {end: false});
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      child.unref();
      child.stdout.destroy();
      child.stderr.destroy();
      const reason = 'looking at them takes too long; what they lie on hangs';
      const what = {object: `${source} on ${target}`, reason, code: 'deadline'} as const;
      reject(new MountError(what, {errno: ERRNO.ETIMEDOUT}));
    }, deadlineMs + GRACE_MS);
    const settle = (code: number): void => {
      clearTimeout(timer);
      resolve(code);
    };
    child.once('error', () => settle(EXIT.failed));
    child.once('close', (code) => settle(code ?? EXIT.failed));
  });
}
