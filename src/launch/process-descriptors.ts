import {readFileSync, readlinkSync} from 'node:fs';
import {socketProtocol} from '../sys/socket-protocol.js';
import {firstNames} from './first-names.js';

/** One open descriptor of a process, as proc_pid_fd(5) and proc_pid_fdinfo(5) show it. */
export interface ProcessDescriptor {
  /** `/dev/fuse`, `pipe`, `unix socket`, `anon_inode:[eventpoll]`, a path, … */
  readonly kind: string;
  /** Whether it is a file that can be written to. */
  readonly writable: boolean;
  /** Whether it lies in what the process sees of files: on a mount of its own mount namespace. */
  readonly visible: boolean;
  /** FUSE connection behind a fuse device; undefined where the kernel does not tell (before 6.17). */
  readonly connection: number | undefined;
}

/** How a process's root is called: libuv keeps a descriptor of it in reserve while it listens. */
export const OWN_ROOT = 'own root directory';
export const UNIX_SOCKET = 'unix socket';

/** A null device at the place of the fuse device, for programs that look whether there is one. */
export const FUSE_STAND_IN = 'stand-in for /dev/fuse';

/** Mounts in the process's own namespace by id: what of their file system is mounted. */
function ownMounts(pid: number): Map<string, string> {
  const lines = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n');
  return new Map(
    lines.map((line) => {
      const [id = '', , , root = ''] = line.split(' ', 5);
      return [id, root];
    }),
  );
}

const O_ACCMODE = 3;

/**
 * A socket by its family: `unix socket`, `TCP socket`, … /proc/net lists sockets by network namespace, and that of a connection
 * is the one of whoever connected, so the socket itself is asked.
 */
function socketKind(path: string): string | undefined {
  const protocol = socketProtocol(path);
  if (protocol === undefined) return undefined;
  return /^UNIX(-|$)/.test(protocol) ? UNIX_SOCKET : `${protocol} socket`;
}

/**
 * What a process holds open, the first `most` of it. One that opens and closes all the time shows what it held when it was
 * asked about each.
 * @throws Node's error when the process is gone or may not be looked at
 */
export function descriptorsOf(pid: number, most: number): ProcessDescriptor[] {
  const found: ProcessDescriptor[] = [];
  let mounts: Map<string, string> | undefined;
  for (const fd of firstNames(`/proc/${pid}/fd`, most)) {
    const path = `/proc/${pid}/fd/${fd}`;
    let kind: string | undefined;
    let info = '';
    try {
      const link = readlinkSync(path);
      if (/^socket:\[\d+\]$/.test(link)) kind = socketKind(path);
      else kind = link.replace(/:\[\d+\]$/, '').replace(/ \(deleted\)$/, '');
      // Of pipes, events and sockets nobody asks more than what they are.
      if (kind?.startsWith('/')) info = readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8');
    } catch {
      // Closed meanwhile; a process that is gone shows in what is looked at next.
      continue;
    }
    if (kind === undefined) continue;
    let visible = false;
    if (info !== '') {
      mounts ??= ownMounts(pid);
      const root = mounts.get(mountOf(info));
      visible = root !== undefined;
      // Any mount namespace's root shows as "/". Its own is its sandbox; another's would be a way out of it.
      // Kernels before 5.14 don't tell the inode.
      const inode = /^ino:\s*(\d+)$/m.exec(info)?.[1];
      if (kind === '/' && visible) kind = OWN_ROOT;
      else if (kind === '/' && inode !== undefined) kind = loneName(inode);
      else if (kind === '/dev/fuse' && root === '/null') kind = FUSE_STAND_IN;
    }
    const flags = Number.parseInt(/^flags:\s*([0-7]+)$/m.exec(info)?.[1] ?? '0', 8);
    const connection = /^fuse_connection:\s*(\d+)$/m.exec(info)?.[1];
    found.push({
      kind,
      writable: (flags & O_ACCMODE) !== 0,
      visible,
      connection: connection === undefined ? undefined : Number(connection),
    });
  }
  return found;
}

/** How something is called that is a mount by itself, attached nowhere: its path is "/" too. @param inode decimal */
export function loneName(inode: string): string {
  return `inode ${inode} by itself`;
}

function mountOf(info: string): string {
  return /^mnt_id:\s*(\d+)$/m.exec(info)?.[1] ?? '';
}
