import {readFileSync} from 'node:fs';
import {posix} from 'node:path';
import {type MountEntry, readMounts} from '../sys/mount-info.js';

/** What the control group of a process holds it to. */
export interface ProcessCgroup {
  /** The systemd unit it runs in, by the name of its group; undefined outside of units. */
  readonly unit: string | undefined;
  /** Its group, as /proc/PID/cgroup names it: that of its memory, or else of its tasks, or else where it is no root. */
  readonly path: string;
  /** Other processes in its groups. */
  readonly sharedWith: readonly number[];
  /** Bytes of memory of that group alone; null for no limit. */
  readonly memoryBytes: number | null;
  /** Processes and threads of that group alone; null for no limit. */
  readonly tasks: number | null;
}

/** One line of /proc/PID/cgroup, cgroups(7): no controllers for version 2. */
interface Membership {
  readonly controllers: readonly string[];
  readonly path: string;
}

function memberships(pid: number): Membership[] {
  const text = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  return text.split('\n').flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) return [];
    return [{controllers: controllers === '' ? [] : controllers.split(','), path}];
  });
}

/** Values as large as this are how version 1 writes "no limit": the largest multiple of a page below 2^63. */
const UNLIMITED = 2 ** 60;

/** Processes that are named at most. */
const MOST_MEMBERS = 64;

function limitIn(file: string): number | null {
  try {
    const text = readFileSync(file, 'utf8').trim();
    const value = text === 'max' ? Number.POSITIVE_INFINITY : Number.parseInt(text, 10);
    return Number.isFinite(value) && value < UNLIMITED ? value : null;
  } catch {
    // The root group has no limits, and neither has one without the controller.
    return null;
  }
}

function membersOf(directory: string): number[] {
  try {
    return readFileSync(`${directory}/cgroup.procs`, 'utf8').split('\n').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** A group in our own tree of groups. */
interface Group {
  readonly directory: string;
  readonly path: string;
  readonly version: 1 | 2;
}

/**
 * The group that a controller accounts a process to: one of version 1 where the controller has a tree of its own, else the one
 * of version 2. Undefined when that is not mounted, or the group is outside of what we see.
 */
function groupOf(
  controller: string | undefined,
  groups: readonly Membership[],
  mounts: readonly MountEntry[],
): Group | undefined {
  const old =
    controller === undefined ? undefined : groups.find(({controllers}) => controllers.includes(controller));
  const group = old ?? groups.find(({controllers}) => controllers.length === 0);
  const mount = mounts.find(({fsType, superOptions}) =>
    old === undefined ? fsType === 'cgroup2' : fsType === 'cgroup' && superOptions.includes(controller ?? ''),
  );
  if (group === undefined || mount === undefined) return undefined;
  const inside = posix.relative(mount.root, group.path);
  // A group above the root of our own cgroup namespace shows as "/..": nothing can be said of it.
  if (inside.split('/').includes('..')) return undefined;
  const version = old === undefined ? 2 : 1;
  return {directory: posix.join(mount.target, inside), path: group.path, version};
}

/** The limits that a process's own group has. @throws Node's error when the process is gone */
export function cgroupOf(pid: number): ProcessCgroup {
  const groups = memberships(pid);
  const mounts = readMounts();
  const memory = groupOf('memory', groups, mounts);
  const tasks = groupOf('pids', groups, mounts);
  // Everybody is in the root, which limits nobody.
  const inner = [memory, tasks, groupOf(undefined, groups, mounts)].filter((group) => group !== undefined);
  const own = inner.filter(({path}) => path !== '/');
  const members = new Set(own.flatMap(({directory}) => membersOf(directory)));
  members.delete(pid);
  const file = memory?.version === 1 ? 'memory.limit_in_bytes' : 'memory.max';
  return {
    unit: groups.map(({path}) => unitOf(path)).find((unit) => unit !== undefined),
    path: own[0]?.path ?? '/',
    sharedWith: [...members].slice(0, MOST_MEMBERS),
    memoryBytes: memory === undefined ? null : limitIn(`${memory.directory}/${file}`),
    tasks: tasks === undefined ? null : limitIn(`${tasks.directory}/pids.max`),
  };
}

/** The innermost unit in a path of systemd's tree; a delegated subgroup lies below it. */
function unitOf(path: string): string | undefined {
  return path.split('/').findLast((name) => /^[A-Za-z0-9:_.@\\-]{1,255}\.(service|scope)$/.test(name));
}

/** The unit that a process runs in, and the file that tells when nothing runs there any more; undefined outside of units and without version 2. */
export function unitGroupOf(pid: number): {unit: string; events: string} | undefined {
  const group = groupOf(undefined, memberships(pid), readMounts());
  const unit = group === undefined ? undefined : unitOf(group.path);
  return group === undefined || unit === undefined
    ? undefined
    : {unit, events: `${group.directory}/cgroup.events`};
}
