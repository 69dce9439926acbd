import type {SeccompArgument, SeccompRule} from '../sys/seccomp.js';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
/** The type without SOCK_NONBLOCK and SOCK_CLOEXEC. */
const SOCK_TYPE_MASK = 0xf;

const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_TYPE = 3;
const SO_KEEPALIVE = 9;
const SO_LINGER = 13;
const IPPROTO_TCP = 6;
/** TCP_NODELAY, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT. */
const TCP_OPTIONS = [1, 4, 5, 6];
const TCGETS = 0x5401;
/** F_SETFL: the resolver makes its sockets non-blocking this way. */
const F_SETFL = 4;

const is = (index: number, value: number): SeccompArgument => ({index, width: 32, op: 'eq', value});
const isOneOf = (index: number, values: readonly number[]): SeccompArgument => ({
  index,
  width: 32,
  op: 'in',
  values,
});
const isType = (type: number): SeccompArgument => ({
  index: 1,
  width: 32,
  op: 'masked-eq',
  mask: SOCK_TYPE_MASK,
  value: type,
});

/**
 * What a relay may ask of the kernel beyond a server: TCP connections to the outside, and, where it has to find out what a name's
 * address is, UDP to name servers. No other kind of socket, no binding, no listening: the sockets that it accepts from are there.
 * To which ports it connects is landlock's to say, because a filter sees an address's place in memory and not the address.
 */
export function relaySystemCalls({asksNames}: {asksNames: boolean}): SeccompRule[] {
  const types = asksNames ? [SOCK_STREAM, SOCK_DGRAM] : [SOCK_STREAM];
  return [
    ...types.map(
      (type): SeccompRule => ({syscall: 'socket', args: [isOneOf(0, [AF_INET, AF_INET6]), isType(type)]}),
    ),
    {syscall: 'connect'},
    {syscall: 'shutdown'},
    {syscall: 'getsockname'},
    {syscall: 'getpeername'},
    {syscall: 'getsockopt', args: [is(1, SOL_SOCKET), isOneOf(2, [SO_ERROR, SO_TYPE])]},
    {syscall: 'setsockopt', args: [is(1, SOL_SOCKET), isOneOf(2, [SO_KEEPALIVE, SO_LINGER])]},
    {syscall: 'setsockopt', args: [is(1, IPPROTO_TCP), isOneOf(2, TCP_OPTIONS)]},
    // The runtime's network module finds out once whether there is a terminal.
    {syscall: 'ioctl', args: [is(1, TCGETS)], action: {errno: 'ENOTTY'}},
    ...(asksNames
      ? ([
          {syscall: 'recvfrom'},
          {syscall: 'uname'},
          {syscall: 'fcntl', args: [is(1, F_SETFL)]},
          // The resolver looks for its configuration again and does without.
          {syscall: 'openat', args: [is(2, 0)], action: {errno: 'ENOENT'}},
        ] satisfies SeccompRule[])
      : []),
  ];
}
