import {Errno} from './errno.js';
import {ERRNO} from './errno-codes.js';
import {OwnedFd} from './fd.js';
import {checked, lastErrno, native, viewOf} from './libc.js';

// The same on every architecture but alpha (asm-generic/unistd.h).
const SYS_landlock_create_ruleset = 444;
const SYS_landlock_add_rule = 445;
const SYS_landlock_restrict_self = 446;

const createRuleset = native<[number: number, attributes: Uint8Array | null, size: number, flags: number]>(
  'syscall',
  'long',
  ['long', 'void *', 'size_t', 'long'],
);
const restrictSelf = native<[number: number, ruleset: number, flags: number]>('syscall', 'long', [
  'long',
  'long',
  'long',
]);
const addRule = native<
  [number: number, ruleset: number, type: number, attributes: Uint8Array, flags: number]
>('syscall', 'long', ['long', 'long', 'long', 'void *', 'long']);

const LANDLOCK_CREATE_RULESET_VERSION = 1;
const LANDLOCK_RESTRICT_SELF_TSYNC = 8;
const LANDLOCK_RULE_NET_PORT = 2;
const LANDLOCK_ACCESS_NET_CONNECT_TCP = 2n;

/**
 * Rights that a ruleset can take away, by the ABI that brought them (landlock(7), linux/landlock.h). The masks are all
 * that the kernel knows at that ABI; asking for one it does not know is EINVAL.
 */
const RIGHTS: ReadonlyArray<{abi: number; fs: bigint; net: bigint; scoped: bigint}> = [
  {abi: 1, fs: 0x1fffn, net: 0n, scoped: 0n}, // execute, read, write, list, remove, make
  {abi: 2, fs: 0x3fffn, net: 0n, scoped: 0n}, // REFER
  {abi: 3, fs: 0x7fffn, net: 0n, scoped: 0n}, // TRUNCATE
  {abi: 4, fs: 0x7fffn, net: 0x3n, scoped: 0n}, // BIND_TCP, CONNECT_TCP
  {abi: 5, fs: 0xffffn, net: 0x3n, scoped: 0n}, // IOCTL_DEV
  {abi: 6, fs: 0xffffn, net: 0x3n, scoped: 0x3n}, // ABSTRACT_UNIX_SOCKET, SIGNAL
  {abi: 9, fs: 0x1ffffn, net: 0x3n, scoped: 0x3n}, // RESOLVE_UNIX
];
/** The ABI whose restrict_self can act on all threads of the process at once. */
const TSYNC_ABI = 8;

/** The Landlock ABI of this kernel; 0 when it has none or it is switched off. @throws Errno */
export function landlockAbi(): number {
  const abi = createRuleset()(SYS_landlock_create_ruleset, null, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi !== -1) return abi;
  const errno = lastErrno();
  if (errno === ERRNO.ENOSYS || errno === ERRNO.EOPNOTSUPP) return 0;
  throw new Errno(errno, 'landlock_create_ruleset');
}

/** What was taken away, and from whom. */
export interface LandlockResult {
  abi: number;
  /** 'all' threads of the process, or the 'calling' one and those it starts from now on. */
  threads: 'all' | 'calling';
  /** Masks of LANDLOCK_ACCESS_FS_*, LANDLOCK_ACCESS_NET_* and LANDLOCK_SCOPE_*. */
  fs: bigint;
  net: bigint;
  scoped: bigint;
}

/** A ruleset that allows nothing of what this kernel's Landlock knows. @throws Errno EOPNOTSUPP without Landlock */
export function rulesetOfNothing(): {ruleset: OwnedFd; rights: Omit<LandlockResult, 'threads'>} {
  const abi = landlockAbi();
  const rights = RIGHTS.findLast((row) => row.abi <= abi);
  if (rights === undefined) throw new Errno('EOPNOTSUPP', 'landlock_create_ruleset');
  const attributes = new Uint8Array(24);
  const view = viewOf(attributes);
  view.setBigUint64(0, rights.fs, true);
  view.setBigUint64(8, rights.net, true);
  view.setBigUint64(16, rights.scoped, true);
  // An older kernel refuses a longer struct only if what it doesn't know is not zero, which the table rules out.
  const ruleset = new OwnedFd(
    checked(
      createRuleset()(SYS_landlock_create_ruleset, attributes, attributes.length, 0),
      'landlock_create_ruleset',
    ),
  );
  return {ruleset, rights: {...rights, abi}};
}

/**
 * Takes away every right that this kernel's Landlock knows: from now on no file can be opened, created or removed, no TCP port
 * bound or connected, no signal sent and no abstract socket reached outside of the sandbox. Descriptors that are open stay usable, and
 * others may still be received over sockets.
 *
 * The calling thread needs no_new_privs (or CAP_SYS_ADMIN). Up to ABI 7 the kernel restricts one thread, so a program with several
 * calls this on each, or early. `allThreads: false` keeps to the calling thread on newer kernels too.
 * TCP ports in `connectPorts` may still be connected to, on any machine; before ABI 4 every port may.
 *
 * @throws Errno ENOSYS or EOPNOTSUPP without Landlock; EPERM without no_new_privs
 */
export function restrictToNothing(
  opts: {allThreads?: boolean; connectPorts?: readonly number[]} = {},
): LandlockResult {
  const {ruleset, rights} = rulesetOfNothing();
  const all = rights.abi >= TSYNC_ABI && opts.allThreads !== false;
  try {
    if (rights.net !== 0n) for (const port of opts.connectPorts ?? []) allowConnect(ruleset.fd, port);
    const flags = all ? LANDLOCK_RESTRICT_SELF_TSYNC : 0;
    checked(restrictSelf()(SYS_landlock_restrict_self, ruleset.fd, flags), 'landlock_restrict_self');
  } finally {
    ruleset.close();
  }
  return {...rights, threads: all ? 'all' : 'calling'};
}

/** struct landlock_net_port_attr: the rights, then the port in the machine's own byte order. */
function allowConnect(ruleset: number, port: number): void {
  const attributes = new Uint8Array(16);
  viewOf(attributes).setBigUint64(0, LANDLOCK_ACCESS_NET_CONNECT_TCP, true);
  viewOf(attributes).setBigUint64(8, BigInt(port), true);
  checked(
    addRule()(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_NET_PORT, attributes, 0),
    'landlock_add_rule',
    `port ${port}`,
  );
}
