import {foreignText} from '../service/foreign-text.js';
import {ATIME_FLAGS, LABEL_OPTIONS, SERVER_FLAGS} from '../service/option-table.js';
import {type Option, splitOptions} from '../service/option-text.js';
import {Errno} from '../sys/errno.js';
import type {MountPolicy} from './mount-policy.js';
import {type CallerOptions, isUnsigned} from './options.js';

const MOST_BYTES = 4095;

/**
 * The OPTS of a server, item by item against a list of what it may set. Everything else is refused: the fuse file
 * system takes parameters there that hand over descriptors, owners and labels.
 *
 * @throws Errno EPERM allow_other against policy; EINVAL all else
 */
export function checkServerOptions(text: string, caller: CallerOptions, policy: MountPolicy): Option[] {
  if (Buffer.byteLength(text) > MOST_BYTES) throw new Errno('EINVAL', 'OPTS', 'too long');
  const options = splitOptions(text);
  for (const option of options) {
    if (option.key === 'allow_other' && option.value === undefined && !policy.allowOther) {
      throw new Errno('EPERM', 'OPTS', 'allow_other');
    }
    if (!isAllowed(option, caller)) throw new Errno('EINVAL', 'OPTS', foreignText(option.key, 64));
  }
  return options;
}

function isAllowed({key, value}: Option, caller: CallerOptions): boolean {
  if (LABEL_OPTIONS.has(key)) {
    return caller.fuse.some((option) => option.key === key && option.value === value);
  }
  switch (key) {
    case 'allow_other':
    case 'default_permissions':
      return value === undefined;
    case 'max_read':
    case 'blksize':
      return isUnsigned(value, 32);
    case 'root_nodeid':
      // Node id of the root directory, from the fuse-iomap patches; a kernel without them refuses it.
      return isUnsigned(value, 64);
    default:
      return false;
  }
}

/** Both lists, each key once; what the caller said counts. */
export function mergeOptions(server: readonly Option[], caller: readonly Option[]): Option[] {
  const merged = new Map<string, Option>();
  for (const option of [...server, ...caller]) merged.set(option.key, option);
  return [...merged.values()];
}

/**
 * The flags of the mount: what the caller asked for, and what the server adds. A server can only make the mount
 * tighter; how access times are kept is its choice where the caller made none.
 *
 * @throws Errno EINVAL for bits that are not options of a new mount
 */
export function mergeFlags(server: number, caller: CallerOptions): number {
  const unknown = (server & ~SERVER_FLAGS) >>> 0;
  if (unknown !== 0) throw new Errno('EINVAL', 'DOIT', `flags 0x${unknown.toString(16)}`);
  const added = caller.atimeChosen ? server & ~ATIME_FLAGS : server;
  // nosuid and nodev of the caller already follow policy; from the server they can only be added.
  return (caller.flags | added) >>> 0;
}
