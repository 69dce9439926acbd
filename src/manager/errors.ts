import type {ControlError} from '../control/index.js';
import {foreignText} from '../service/foreign-text.js';
import {ManagerError, type ManagerErrorKind} from './face.js';

/** The kind of each code that the mount and umount commands fail with. */
const KINDS: Readonly<Record<string, ManagerErrorKind>> = {
  'not-root': 'denied',
  'bad-option': 'invalid',
  'bad-type': 'invalid',
  'bad-policy': 'denied',
  'policy-denied': 'denied',
  'type-has-policy': 'denied',
  'source-missing': 'invalid',
  'source-unreadable': 'invalid',
  'source-kind': 'invalid',
  'source-busy': 'conflict',
  'target-missing': 'invalid',
  'target-kind': 'invalid',
  'target-busy': 'conflict',
  'target-changed': 'conflict',
  'no-fuse': 'unsupported',
  'no-iomap': 'unsupported',
  'no-driver': 'no-driver',
  connect: 'server-failed',
  conversation: 'server-failed',
  'server-refused': 'server-failed',
  'server-died': 'server-failed',
  'not-contained': 'denied',
  deadline: 'timeout',
  kernel: 'server-failed',
  record: 'server-failed',
  'not-mounted': 'conflict',
  'not-ours': 'conflict',
  unmount: 'server-failed',
};

const HINTS: Readonly<Record<string, string>> = {
  'source-busy': 'unmount it where it is mounted, or wait until its user lets go of it',
  'target-busy': 'unmount what is there, or ask for a lazy or forced removal',
  'source-missing': 'give the absolute path of an image file or a block device of this machine',
  'target-missing': 'make the directory first',
  'no-driver': 'name a type that is served here, or mount it with mount(8) if you trust the image',
  'no-fuse': 'load the module: modprobe fuse',
  'no-iomap': 'change the policy key iomap, or use a kernel that has it',
  'policy-denied': '"fuseward policy explain SOURCE TARGET" tells what each rule says to it',
  'bad-policy': 'correct the policy file that the message names',
  'server-refused':
    'the image may be damaged, or it or an option be unknown to the driver; the message names it',
  record: 'look whether the file system below /run is full',
  'not-contained': 'contain the server better, or demand less of it: the policy key containment.required',
  deadline: 'try again, or raise deadline_seconds in the policy',
};

/** What a command's JSON says of a failure. */
export interface CommandFailure {
  readonly message: string;
  readonly code: string;
  readonly errno?: string | undefined;
  /** `FILE:LINE` of the policy that was against it. */
  readonly rule?: string | undefined;
}

/** The manager's error for a failed command. */
export function fromCommand({message, code, errno, rule}: CommandFailure): ManagerError {
  // Policy speaks through the error number: the same rule may be a mistake or a refusal.
  const refused = errno === 'EPERM' || errno === 'EACCES';
  const kind = refused && KINDS[code] !== 'conflict' ? 'denied' : (KINDS[code] ?? 'server-failed');
  const hint = HINTS[code];
  return new ManagerError(kind, code, message, {
    ...(errno === undefined ? {} : {errno}),
    ...(hint === undefined ? {} : {hint}),
    ...(rule === undefined ? {} : {rule}),
  });
}

/** The manager's error for an order that a server did not carry out. */
export function fromControl(target: string, what: string, error: ControlError): ManagerError {
  const because = (reason: string): string => `can't ${what} ${target}: ${reason}`;
  const errno = error.errno === undefined ? {} : {errno: error.errno};
  if (error.kind === 'timeout') {
    const hint = 'look at its health; a forced removal ends what hangs';
    return new ManagerError('timeout', 'no-answer', because('the server does not answer'), {
      errno: 'ETIMEDOUT',
      hint,
    });
  }
  if (error.kind === 'busy') {
    return new ManagerError('conflict', 'busy', because('too many questions wait for the server'), {
      errno: 'EBUSY',
      hint: 'try again in a moment',
    });
  }
  if (error.kind === 'closed') return noServer(target, what);
  const reason = because(`the server says: ${foreignText(error.message)}`);
  if (error.errno === 'EOPNOTSUPP') return new ManagerError('unsupported', error.code, reason, errno);
  if (error.errno === 'EINVAL') return new ManagerError('invalid', error.code, reason, errno);
  if (error.errno === 'ETIMEDOUT') return new ManagerError('timeout', error.code, reason, errno);
  return new ManagerError('server-failed', error.code, reason, errno);
}

/** For an order to a server that is dead, or whose connection is. */
export function noServer(target: string, what: string): ManagerError {
  const message = `can't ${what} ${target}: its server can not be reached`;
  return new ManagerError('server-failed', 'not-connected', message, {
    errno: 'ENOTCONN',
    hint: 'look at its health; while its server lives, the manager tries again by itself',
  });
}

export function noSuchMount(id: string): ManagerError {
  const name = JSON.stringify(id.slice(0, 40));
  return new ManagerError('not-found', 'no-such-mount', `there is no mount ${name}`, {
    errno: 'ENOENT',
    hint: 'the list of mounts has those that are there',
  });
}

/** For an order to a server that can't be asked. */
export function noControl(target: string, what: string, ours: boolean): ManagerError {
  const why = ours ? 'its server has no control socket' : 'its server is not one of fuseward';
  return new ManagerError('unsupported', 'no-control', `can't ${what} ${target}: ${why}`, {
    errno: 'EOPNOTSUPP',
  });
}

/** For a lost mount that could not be taken away. */
export function covered(target: string): ManagerError {
  return new ManagerError(
    'conflict',
    'covered',
    `can't unmount ${target}: something else is mounted on it or hangs above it`,
    {
      errno: 'EBUSY',
      hint: 'unmount that first',
    },
  );
}

/** For policy files that can't be used. @param problems all that is wrong with them */
export function badPolicy(problems: readonly string[]): ManagerError {
  return new ManagerError(
    'conflict',
    'bad-policy',
    `can't use the policy files, the policy in force stays: ${problems.join('; ')}`,
    {hint: 'correct them; "fuseward policy check" tells the same', errors: problems},
  );
}

/** For a mount that was made and is not there any more. */
export function vanished(target: string): ManagerError {
  return new ManagerError('conflict', 'gone', `${target} was mounted and is not there any more`, {
    hint: 'somebody unmounted it at once',
  });
}
