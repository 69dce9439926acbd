import {readFileSync} from 'node:fs';
import {networkInterfaces} from 'node:os';
import type {NetworkGrant} from '../policy/network-grant.js';

/** Loaded when a name is granted: at its start it reads the machine's resolver files, which no other mount should wait for. */
const dns = (): typeof import('node:dns') => process.getBuiltinModule('node:dns');

/** Names are looked up at the start for so long at most. */
const LOOK_UP_MS = 3_000;
/** Names of this machine itself, in and out of a sandbox (RFC 6761). */
const OWN_NAMES: ReadonlySet<string> = new Set(['localhost']);
/** Names get addresses from here on, one each, in the order in which they are granted. */
const FIRST_ADDRESS = [127, 77, 0, 0] as const;
const MOST_NAMES = 254;

/** This machine's own addresses, of the families that it has. */
function ownAddresses(): string[] {
  const loopback = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return loopback.some(({address}) => address === '::1') ? ['127.0.0.1', '::1'] : ['127.0.0.1'];
}

/** One granted place as it is inside and outside of the sandbox. */
export interface GrantedPlace {
  readonly grant: NetworkGrant;
  /** Addresses that the program reaches it by in the sandbox. */
  readonly inside: readonly string[];
}

/**
 * What each grant's host is inside of the sandbox: a literal address is itself, this machine's own name is the loopback addresses, and any other name an
 * address of its own in 127.77.0.0/24, so that the port tells nothing about the host.
 * @throws Error for more names than there are addresses
 */
export function placesOf(grants: readonly NetworkGrant[]): GrantedPlace[] {
  const names = [...new Set(grants.filter(isForeignName).map(({host}) => host))];
  if (names.length > MOST_NAMES) throw new Error(`can't grant more than ${MOST_NAMES} names`);
  const [a, b, c] = FIRST_ADDRESS;
  return grants.map((grant) => {
    if (grant.kind !== 'name') return {grant, inside: [grant.host]};
    if (!isForeignName(grant)) return {grant, inside: ownAddresses()};
    return {grant, inside: [`${a}.${b}.${c}.${names.indexOf(grant.host) + 1}`]};
  });
}

function isForeignName({kind, host}: NetworkGrant): boolean {
  return kind === 'name' && !OWN_NAMES.has(host);
}

/** What the C library of a program with grants reads in /etc to find hosts: the granted names and nothing else. By file name. */
export function networkFiles(grants: readonly NetworkGrant[]): Record<string, string> {
  const names = new Map(
    placesOf(grants)
      .filter(({grant}) => isForeignName(grant))
      .map(({grant, inside}) => [grant.host, inside[0]!]),
  );
  const lines = ['127.0.0.1 localhost', '::1 localhost', ...[...names].map(([name, at]) => `${at} ${name}`)];
  return {
    hosts: `${lines.join('\n')}\n`,
    'host.conf': 'multi on\n',
    'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\n',
    // Without one, resolvers ask whoever listens on 127.0.0.1.
    'resolv.conf': 'options timeout:1 attempts:1\n',
  };
}

/** How a granted host is found outside. */
export interface OutsideHost {
  readonly addresses: readonly string[];
  /** Whether name servers are to be asked again for each connection. */
  readonly ask: boolean;
}

/** hosts(5): whether the administrator has written an address for this name down. */
function isWrittenDown(name: string): boolean {
  try {
    return readFileSync('/etc/hosts', 'utf8')
      .split('\n')
      .some((line) => line.replace(/#.*/, '').toLowerCase().split(/\s+/).slice(1).includes(name));
  } catch {
    return false;
  }
}

/**
 * Finds a granted host as any program of this machine would (getaddrinfo(3)). A name that nobody knows now may be known later, when name
 * servers are asked again; so it is no error.
 */
export async function findOutside(grant: NetworkGrant): Promise<OutsideHost> {
  if (grant.kind !== 'name') return {addresses: [grant.host], ask: false};
  if (!isForeignName(grant)) return {addresses: ownAddresses(), ask: false};
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<[]>((resolve) => {
    timer = setTimeout(() => resolve([]), LOOK_UP_MS);
  });
  const found = await Promise.race([
    dns()
      .promises.lookup(grant.host, {all: true})
      .catch(() => []),
    late,
  ]);
  clearTimeout(timer);
  return {
    addresses: found.map(({address}) => address),
    // Name servers know a name without a dot only with a domain behind it.
    ask: grant.host.includes('.') && !isWrittenDown(grant.host) && nameServers().length > 0,
  };
}

/** The machine's name servers that answer where everybody asks, on port 53. */
export function nameServers(): string[] {
  const {isIP} = process.getBuiltinModule('node:net');
  return dns()
    .getServers()
    .filter((server) => isIP(server) !== 0);
}
