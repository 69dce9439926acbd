import {readFileSync, readlinkSync} from 'node:fs';
import {fuseConnectionOf} from '../sys/process.js';
import {descriptorsOf} from './process-descriptors.js';
import {processUsers} from './process-users.js';

/** Descriptors of one process that are looked at. */
const MOST_DESCRIPTORS = 4096;

/** The pid namespace of a process; undefined when it is gone. */
export function pidNamespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

/** Processes of a user id in the pid namespace that `first` is the first of, in the order of their ids. */
export function processesWith(first: number, uid: number): number[] {
  const namespace = pidNamespaceOf(first);
  if (namespace === undefined) return [];
  const all = processUsers().get(uid) ?? [];
  return all.filter((pid) => pidNamespaceOf(pid) === namespace).sort((a, b) => a - b);
}

/** Processes of a user id that another process of his has started. */
export function startedBy(parent: number, uid: number): number[] {
  return (processUsers().get(uid) ?? []).filter((pid) => parentOf(pid, uid) === parent);
}

/** Whether a process holds the fuse device of a connection, or where the kernel does not tell which (before 6.17) any fuse device. */
function serves(pid: number, connection: number): boolean {
  try {
    const connections = fuseConnectionOf(pid);
    if (connections.length > 0) return connections.includes(connection);
    return descriptorsOf(pid, MOST_DESCRIPTORS).some(({kind}) => kind === '/dev/fuse');
  } catch {
    return false;
  }
}

/** The processes of a sandbox that can answer for a mount: those that hold its fuse device. */
export function serversAmong(pids: readonly number[], connection: number): number[] {
  return pids.filter((pid) => serves(pid, connection));
}

/** Deeper than any process of a sandbox; ids that are reused meanwhile could else make it a circle. */
const MOST_ANCESTORS = 64;

/** Ancestors of a process as far as they run under the same user id. */
export function ancestorsOf(pid: number, uid: number): number[] {
  const ancestors: number[] = [];
  let next = parentOf(pid, uid);
  while (next !== undefined && ancestors.length < MOST_ANCESTORS) {
    ancestors.push(next);
    next = parentOf(next, uid);
  }
  return ancestors;
}

function parentOf(pid: number, uid: number): number | undefined {
  try {
    const parent = Number(/^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
    const uids = /^Uid:\s*(\d+)/m.exec(readFileSync(`/proc/${parent}/status`, 'utf8'))?.[1];
    return parent > 0 && Number(uids) === uid ? parent : undefined;
  } catch {
    return undefined;
  }
}
