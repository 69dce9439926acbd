/** One place in the network that a program may reach, by TCP. */
export interface NetworkGrant {
  /** A name in lower case, or an address as it was written, without brackets. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  /** What `host` is. `localhost` is a name like any other here. */
  readonly kind: 'name' | 'ipv4' | 'ipv6';
}

/** RFC 1123: labels of letters, digits and hyphens. The underscore is not in it, but in names that people use. */
const NAME =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;
const GRANT = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([^:[\]]{1,253})):([1-9]\d{0,4})$/;

/** Whether one can connect to an IPv4 address from anywhere and means one machine by it. */
function isUnicast(address: string): boolean {
  const first = Number(address.split('.')[0]);
  return first !== 0 && first < 224;
}

/** The same for IPv6: not the unspecified one, no multicast, none that needs a link named with it, none that is IPv4 in disguise. */
function isUnicast6(address: string): boolean {
  return !/^(?:[0:]+|ff..:.*|fe[89ab].:.*|[0:]*:ffff:.*|.*\..*)$/i.test(address);
}

/**
 * Reads `host:port` or `[IPv6]:port`.
 * @returns undefined for what names no single place: a range, a port out of range, an address of no machine, or digits that are
 * an address to some resolvers and a name to others
 */
export function parseNetworkGrant(text: string): NetworkGrant | undefined {
  const [, bracketed, plain, digits] = GRANT.exec(text) ?? [];
  const port = Number(digits);
  if (!(port <= 65_535)) return undefined;
  // Loaded where it is needed: a mount mostly does without, and it takes 4 ms.
  const {isIPv4, isIPv6} = process.getBuiltinModule('node:net');
  if (bracketed !== undefined) {
    return isIPv6(bracketed) && isUnicast6(bracketed)
      ? {host: bracketed.toLowerCase(), port, kind: 'ipv6'}
      : undefined;
  }
  const host = plain!.toLowerCase();
  if (isIPv4(host)) return isUnicast(host) ? {host, port, kind: 'ipv4'} : undefined;
  // `127.1`, `0x7f000001`, `1`: inet_aton(3) takes them for addresses.
  if (!NAME.test(host) || /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/.test(host)) return undefined;
  return {host, port, kind: 'name'};
}
