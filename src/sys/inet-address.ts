import {Errno} from './errno.js';
import {viewOf} from './libc.js';

export const AF_INET = 2;
export const AF_INET6 = 10;

/** The 4 or 16 bytes of a literal address, most significant first. @throws Errno EINVAL for anything else */
export function addressBytes(address: string): Uint8Array {
  // Loaded where it is needed: a mount mostly does without, and it takes 4 ms.
  const {isIPv4, isIPv6} = process.getBuiltinModule('node:net');
  if (isIPv4(address)) return Uint8Array.from(address.split('.'), Number);
  if (!isIPv6(address) || address.includes('.') || address.includes('%'))
    throw new Errno('EINVAL', 'address', JSON.stringify(address));
  // isIPv6 has made sure that there is at most one `::` and at most eight groups.
  const [head = '', tail] = address.split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const bytes = new Uint8Array(16);
  before.forEach((group, index) => {
    viewOf(bytes).setUint16(index * 2, group);
  });
  after.forEach((group, index) => {
    viewOf(bytes).setUint16(16 - (after.length - index) * 2, group);
  });
  return bytes;
}

/** Address family of a literal address. @throws Errno EINVAL for anything else */
export function familyOf(address: string): typeof AF_INET | typeof AF_INET6 {
  return addressBytes(address).length === 4 ? AF_INET : AF_INET6;
}

/** struct sockaddr_in or sockaddr_in6 (ip(7), ipv6(7)). @throws Errno EINVAL */
export function socketAddress(address: string, port: number): Uint8Array {
  const bytes = addressBytes(address);
  const isIPv4 = bytes.length === 4;
  const result = new Uint8Array(isIPv4 ? 16 : 28);
  const view = viewOf(result);
  view.setUint16(0, isIPv4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port); // network byte order
  result.set(bytes, isIPv4 ? 4 : 8);
  return result;
}
