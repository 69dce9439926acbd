import {readdirSync, readFileSync} from 'node:fs';
import {isGivenAway, type ProcessUsers} from '../launch/process-users.js';
import {processState} from '../sys/process.js';
import {statOf} from './process-numbers.js';

/** User ids below are people's and services', as for `server.uid_base`. */
const FIRST_SERVER_UID = 65_536;
/** Processes that a cgroup file is read for at most. */
const MOST_IN_GROUP = 4096;

/** The children of every process. */
export function childrenByParent(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = statOf(Number(name))?.parent;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  return children;
}

/** A process and all that it and its children started, as far as their parents are still there. */
function familyOf(pid: number, children: ReadonlyMap<number, readonly number[]>): number[] {
  const family = new Set([pid]);
  // A set that is added to while it is gone through is gone through to its end; each process has one parent, so it has one.
  for (const member of family) for (const child of children.get(member) ?? []) family.add(child);
  return [...family];
}

/** The processes of a systemd service, by its control group (cgroup v2, or v1's of systemd itself); undefined for none of its own. */
function serviceProcesses(pid: number): number[] | undefined {
  const text = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  const [, name, path] = /^(?:0:|\d+:(name=systemd)):(\/.*\.service)$/m.exec(text) ?? [];
  if (path === undefined) return undefined;
  const root = name === undefined ? '/sys/fs/cgroup' : '/sys/fs/cgroup/systemd';
  const pids = readFileSync(`${root}${path}/cgroup.procs`, 'utf8').split('\n').filter(Boolean).map(Number);
  return pids.includes(pid) && pids.length <= MOST_IN_GROUP ? pids : undefined;
}

/** What is asked of the machine, so that one look serves for many servers. */
export interface ProcessLooks {
  users(): ProcessUsers;
  children(): ReadonlyMap<number, readonly number[]>;
}

/**
 * All processes of a server, of which one is known: those with its user id, where that is a server's own; those of its systemd service; or
 * else what it started itself.
 */
export function serverProcesses(pid: number, looks: ProcessLooks): number[] {
  try {
    const [uid] = processState(pid).uids;
    if (uid >= FIRST_SERVER_UID && !isGivenAway(uid)) {
      const sharing = looks.users().get(uid) ?? [];
      if (sharing.includes(pid)) return [...sharing];
    }
    const service = serviceProcesses(pid);
    if (service !== undefined) return service;
  } catch {
    // It ended meanwhile, or there is no such control group to see.
  }
  return familyOf(pid, looks.children());
}
