import {readFileSync, readlinkSync} from 'node:fs';
import {firstNames} from './first-names.js';

/** One open descriptor of a process, as proc_pid_fd(5) and proc_pid_fdinfo(5) show it. */
export interface ProcessDescriptor {
  /** `/dev/fuse`, `pipe`, `unix socket`, `anon_inode:[eventpoll]`, a path, … */
  readonly kind: string;
  /** Whether it can be written to. */
  readonly writable: boolean;
  /** FUSE connection behind a fuse device; undefined where the kernel does not tell (before 6.17). */
  readonly connection: number | undefined;
}

/** How a process's root is called: libuv keeps a descriptor of it in reserve while it listens. */
export const OWN_ROOT = 'own root directory';
export const UNIX_SOCKET = 'unix socket';
/** Sockets of every other family, and such as were made in a network namespace that we don't see. */
export const OTHER_SOCKET = 'socket of another kind';

/** Inode numbers of the unix sockets that were made in these processes' network namespaces. */
function unixSockets(pids: ReadonlyArray<number | 'self'>): Set<string> {
  const inodes = new Set<string>();
  for (const pid of pids) {
    let text = '';
    try {
      text = readFileSync(`/proc/${pid}/net/unix`, 'latin1');
    } catch {
      // Gone, or not ours to look at: its sockets then count as what they may be.
    }
    for (const line of text.split('\n').slice(1)) {
      // Num RefCount Protocol Flags Type St Inode Path, where the path may hold anything.
      const inode = /^\S+\s+\S+\s+\S+\s+\S+\s+\S+\s+\S+\s+(\d+)/.exec(line)?.[1];
      if (inode !== undefined) inodes.add(inode);
    }
  }
  return inodes;
}

/** Mounts in the process's own namespace, by id. */
function ownMounts(pid: number): Set<string> {
  const text = readFileSync(`/proc/${pid}/mountinfo`, 'latin1');
  return new Set(text.split('\n').map((line) => line.slice(0, line.indexOf(' '))));
}

const O_ACCMODE = 3;

/**
 * What a process holds open, the first `most` of it. One that opens and closes all the time shows what it held when it was
 * asked about each.
 * @throws Node's error when the process is gone or may not be looked at
 */
export function descriptorsOf(pid: number, most: number): ProcessDescriptor[] {
  const found: ProcessDescriptor[] = [];
  let sockets: Set<string> | undefined;
  let mounts: Set<string> | undefined;
  for (const fd of firstNames(`/proc/${pid}/fd`, most)) {
    let link: string;
    let info: string;
    try {
      link = readlinkSync(`/proc/${pid}/fd/${fd}`);
      info = readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1');
    } catch {
      // Closed meanwhile; a process that is gone shows in what is looked at next.
      continue;
    }
    const flags = Number.parseInt(/^flags:\s*([0-7]+)$/m.exec(info)?.[1] ?? '0', 8);
    const connection = /^fuse_connection:\s*(\d+)$/m.exec(info)?.[1];
    const socket = /^socket:\[(\d+)\]$/.exec(link)?.[1];
    let kind = link.replace(/:\[\d+\]$/, '').replace(/ \(deleted\)$/, '');
    if (socket !== undefined) {
      // Those of the conversation were made in the helper's namespace, which is ours or the machine's first.
      sockets ??= unixSockets([pid, 'self', 1]);
      kind = sockets.has(socket) ? UNIX_SOCKET : OTHER_SOCKET;
    } else if (link === '/') {
      // Any mount namespace's root shows as "/". Its own is its sandbox; another's would be a way out of it.
      mounts ??= ownMounts(pid);
      kind = mounts.has(/^mnt_id:\s*(\d+)$/m.exec(info)?.[1] ?? '') ? OWN_ROOT : '/';
    }
    found.push({
      kind,
      writable: (flags & O_ACCMODE) !== 0,
      connection: connection === undefined ? undefined : Number(connection),
    });
  }
  return found;
}
