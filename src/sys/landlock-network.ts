import {Errno} from './errno.js';
import {OwnedFd} from './fd.js';
import {landlockAbi} from './landlock.js';
import {checked, native, viewOf} from './libc.js';

// The same on every architecture but alpha (asm-generic/unistd.h).
const SYS_landlock_create_ruleset = 444;
const SYS_landlock_add_rule = 445;
const SYS_landlock_restrict_self = 446;

const create = native<[number: number, attributes: Uint8Array, size: number, flags: number]>(
  'syscall',
  'long',
  ['long', 'void *', 'size_t', 'long'],
);
const addRule = native<[number: number, ruleset: number, type: number, rule: Uint8Array, flags: number]>(
  'syscall',
  'long',
  ['long', 'long', 'long', 'void *', 'long'],
);
const restrictSelf = native<[number: number, ruleset: number, flags: number]>('syscall', 'long', [
  'long',
  'long',
  'long',
]);

// linux/landlock.h
const RULE_NET_PORT = 2;
const ACCESS_BIND_TCP = 1n;
const ACCESS_CONNECT_TCP = 2n;
const SCOPE_ABSTRACT_UNIX_SOCKET = 1n;
const SCOPE_SIGNAL = 2n;
/** The ABIs that brought TCP ports and scopes (Linux 6.7 and 6.12). */
export const TCP_ABI = 4;
const SCOPE_ABI = 6;

/**
 * Takes from the calling thread, and from what it starts, the sockets that its network namespace shares with others: abstract unix
 * sockets (a desktop's buses listen on such), signals to processes outside, and with `ports` every TCP port but those to connect to; none can
 * then be listened on. Files are left alone. Sockets that are open stay as they are.
 *
 * The calling thread needs no_new_privs (or CAP_SYS_ADMIN).
 *
 * @param ports undefined for all
 * @returns the ABI in force, 0 where the kernel can do none of that
 * @throws Errno EOPNOTSUPP when ports are given and the kernel can't tell them apart
 */
export function restrictNetwork(ports: readonly number[] | undefined): number {
  const abi = landlockAbi();
  if (ports !== undefined && abi < TCP_ABI)
    throw new Errno('EOPNOTSUPP', 'landlock_create_ruleset', 'TCP ports');
  const scoped = abi >= SCOPE_ABI ? SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL : 0n;
  const handled = ports === undefined ? 0n : ACCESS_BIND_TCP | ACCESS_CONNECT_TCP;
  if (scoped === 0n && handled === 0n) return 0;
  const attributes = new Uint8Array(24);
  viewOf(attributes).setBigUint64(8, handled, true);
  viewOf(attributes).setBigUint64(16, scoped, true);
  // Older kernels take a shorter struct, and a longer one whose rest is zero.
  using ruleset = new OwnedFd(
    checked(
      create()(SYS_landlock_create_ruleset, attributes, attributes.length, 0),
      'landlock_create_ruleset',
    ),
  );
  for (const port of ports ?? []) allowPort(ruleset.fd, port);
  checked(restrictSelf()(SYS_landlock_restrict_self, ruleset.fd, 0), 'landlock_restrict_self');
  return abi;
}

function allowPort(ruleset: number, port: number): void {
  const rule = new Uint8Array(16);
  viewOf(rule).setBigUint64(0, ACCESS_CONNECT_TCP, true);
  viewOf(rule).setBigUint64(8, BigInt(port), true);
  checked(
    addRule()(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, rule, 0),
    'landlock_add_rule',
    `port ${port}`,
  );
}
