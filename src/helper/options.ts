import {patternProblem} from '../policy/index.js';
import {
  ATIME_FLAGS,
  DROPPED_OPTIONS,
  FLAG_OPTIONS,
  HELPER_ONLY,
  LABEL_OPTIONS,
  OPERATIONS,
} from '../service/option-table.js';
import {type Option, splitOptions} from '../service/option-text.js';
import {MS_NODEV, MS_NOSUID, MS_RDONLY} from '../sys/mount-flags.js';
import {MountError} from './errors.js';
import type {MountPolicy} from './mount-policy.js';

/** The caller's `-o` options, sorted by who they are for. */
export interface CallerOptions {
  /** MS_* bits of mount(2), nosuid and nodev as policy has them. */
  flags: number;
  /** Whether the caller said how access times are kept. */
  atimeChosen: boolean;
  readOnly: boolean;
  /** Parameters of the kernel's fuse file system. */
  fuse: Option[];
  /** For the driver alone. */
  driver: Option[];
  /** Patterns of further sources that the caller lists, `member=PATTERN`. */
  members: string[];
  /** What the server gets to see: all but the generic ones, in order. */
  forwarded: Option[];
}

/** Longest option text, bytes: mount(2) takes no more than a page. */
const MOST_BYTES = 4095;

/** Refuses an option. @throws MountError `bad-option` */
export function refuse(option: Option, reason: string, errno = 22): never {
  throw new MountError(
    {object: `with option ${JSON.stringify(option.key)}`, reason, code: 'bad-option'},
    {errno, details: {...option}},
  );
}

/**
 * Sorts the caller's options. Later ones win over earlier ones. An option nobody here knows is the driver's.
 *
 * @param texts the arguments of each `-o`
 * @throws MountError `bad-option` for parameters that are the helper's own, operations on existing mounts, values out of
 * range, and what policy forbids
 */
export function parseOptions(texts: readonly string[], policy: MountPolicy): CallerOptions {
  const text = texts.join(',');
  if (text.includes('\0') || Buffer.byteLength(text) > MOST_BYTES) {
    refuse({key: text.slice(0, 40)}, `options must be at most ${MOST_BYTES} bytes without NUL`);
  }
  const result: CallerOptions = {
    flags: 0,
    atimeChosen: false,
    readOnly: false,
    fuse: [],
    driver: [],
    members: [],
    forwarded: [],
  };
  let suid = false;
  let dev = false;
  for (const option of splitOptions(text)) {
    const {key, value} = option;
    const flag = value === undefined ? FLAG_OPTIONS.get(key) : undefined;
    if (DROPPED_OPTIONS.has(key) || /^x-/i.test(key)) continue;
    if (OPERATIONS.has(key)) refuse(option, 'only new mounts are made here');
    if (HELPER_ONLY.has(key)) refuse(option, 'it is set by the mount helper alone');
    if (flag !== undefined) {
      setFlag(result, flag);
      if (flag.flag === MS_NOSUID) suid = !flag.on;
      if (flag.flag === MS_NODEV) dev = !flag.on;
    } else if (isFuseParameter(option)) {
      if (key === 'allow_other' && !policy.allowOther) refuse(option, 'policy forbids it', 1);
      result.fuse = [...result.fuse.filter((other) => other.key !== key), option];
    } else {
      if (key === 'member') result.members.push(memberPattern(option));
      if (key === 'allow_root' && !policy.allowOther) refuse(option, 'policy forbids it', 1);
      result.driver.push(option);
    }
    result.forwarded.push(option);
  }
  // Both must agree: the administrator in the policy, and the caller by name.
  if (!(policy.allowSuid && suid)) result.flags |= MS_NOSUID;
  if (!(policy.allowDev && dev)) result.flags |= MS_NODEV;
  result.readOnly = (result.flags & MS_RDONLY) !== 0;
  return result;
}

/** A pattern as policy has them, or one that begins where the source lies. @throws MountError `bad-option` */
function memberPattern(option: Option): string {
  const pattern = option.value ?? '';
  const problem = pattern.startsWith('~') ? 'must begin with "/"' : patternProblem(absolute(pattern));
  return problem === undefined ? pattern : refuse(option, `its pattern ${problem}`);
}

function absolute(pattern: string): string {
  return pattern.startsWith('/') ? pattern : `/${pattern}`;
}

function setFlag(options: CallerOptions, {flag, on}: {flag: number; on: boolean}): void {
  if ((flag & ATIME_FLAGS) !== 0) {
    options.flags &= ~ATIME_FLAGS;
    options.atimeChosen = true;
  }
  options.flags = on ? options.flags | flag : options.flags & ~flag;
}

/** The same options with those of policy after them, so that these win. @param forced each a flag of the mount */
export function withForced(caller: CallerOptions, forced: readonly string[]): CallerOptions {
  const options = {...caller, forwarded: [...caller.forwarded]};
  for (const key of forced) {
    const flag = FLAG_OPTIONS.get(key);
    // Leaving out what policy demands would be worse than a mount that fails.
    if (flag === undefined) refuse({key}, 'policy forces it, and it is no flag of a mount');
    setFlag(options, flag);
    options.forwarded.push({key});
  }
  options.readOnly = (options.flags & MS_RDONLY) !== 0;
  return options;
}

/** Whether the kernel's fuse file system takes it from the caller. @throws MountError for a value out of range */
function isFuseParameter(option: Option): boolean {
  if (LABEL_OPTIONS.has(option.key)) return option.value !== undefined;
  switch (option.key) {
    case 'allow_other':
    case 'default_permissions':
      if (option.value !== undefined) refuse(option, 'it takes no value');
      return true;
    case 'max_read':
    case 'blksize':
      if (!isUnsigned(option.value, 32)) refuse(option, 'it needs a number');
      return true;
    default:
      return false;
  }
}

/** A decimal number without sign that fits so many bits. */
export function isUnsigned(text: string | undefined, bits: 32 | 64): boolean {
  return text !== undefined && /^\d{1,20}$/.test(text) && BigInt(text) < 1n << BigInt(bits);
}
