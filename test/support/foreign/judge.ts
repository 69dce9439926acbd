import {existsSync, readdirSync, readFileSync, readlinkSync} from 'node:fs';
import {join} from 'node:path';
import {run} from '../mounts.js';

/** What the kernel tells of one process. */
export interface Held {
  readonly pid: number;
  readonly name: string;
  /** Real, effective, saved, file-system. */
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  readonly groups: readonly number[];
  /** The five sets of capabilities(7), in hex. */
  readonly capabilities: readonly string[];
  readonly noNewPrivileges: boolean;
  /** 2 is a filter. */
  readonly seccomp: number;
  /** Kinds of namespaces that are not this process's own. */
  readonly ownNamespaces: readonly string[];
}

const NAMESPACES = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts'];

function numbers(text: string | undefined): number[] {
  return (text ?? '').trim().split(/\s+/).filter(Boolean).map(Number);
}

function heldOf(pid: number): Held | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8');
    const field = (name: string): string | undefined =>
      new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(text)?.[1];
    const namespace = (of: string, kind: string): string => readlinkSync(`/proc/${of}/ns/${kind}`);
    return {
      pid,
      name: field('Name') ?? '',
      uids: numbers(field('Uid')),
      gids: numbers(field('Gid')),
      groups: numbers(field('Groups')),
      capabilities: ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map((name) => field(name) ?? ''),
      noNewPrivileges: field('NoNewPrivs') === '1',
      seccomp: Number(field('Seccomp')),
      ownNamespaces: NAMESPACES.filter((kind) => namespace(`${pid}`, kind) !== namespace('self', kind)),
    };
  } catch {
    // It has ended, or is only waiting to be reaped.
    return undefined;
  }
}

/** Every process that runs under a user id, by what the kernel tells. */
export function heldUnder(uid: number): Held[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => heldOf(Number(name)))
    .filter((held) => held?.uids.includes(uid)) as Held[];
}

/** Places of this machine that no server may see, of those that are there. */
const SECRET_PLACES = [
  '/root',
  '/home',
  '/srv',
  '/var/log',
  '/etc/shadow',
  '/boot',
  '/sys/kernel',
  '/dev/mem',
  '/dev/loop-control',
];

/** Which of the places a process can see through its own root directory, as root sees them. */
export function visiblePlaces(pid: number, places: readonly string[] = SECRET_PLACES): string[] {
  return places.filter((place) => existsSync(join(`/proc/${pid}/root`, place)));
}

/** Whether a program in a process's network namespace reaches a TCP port. */
export function reaches(pid: number, host: string, port: number): boolean {
  try {
    run('nsenter', [
      `--net=/proc/${pid}/ns/net`,
      'timeout',
      '5',
      'bash',
      '-c',
      `exec 3<>/dev/tcp/${host}/${port}`,
    ]);
    return true;
  } catch {
    return false;
  }
}
