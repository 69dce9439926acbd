import {mkdirSync, readdirSync, readFileSync, rmdirSync} from 'node:fs';
import {join} from 'node:path';

/** A mounted hierarchy of control groups. */
export interface Hierarchy {
  readonly path: string;
  /** Options to mount the same one again; undefined for the unified one (cgroup 2). */
  readonly options: string | undefined;
}

/** In version 1 a new group of processors has none, and takes no process; systemd leaves both kinds alone. */
const UNUSED = new Set(['cpuset', 'freezer']);

/** Those of this machine that systemd uses; a machine with both versions has several. */
export function hierarchies(): Hierarchy[] {
  return readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, , kind]) => kind === 'cgroup2' || kind === 'cgroup')
    .map(([, path, kind, options]) => ({
      path: path!,
      options: kind === 'cgroup2' ? undefined : controllers(options!),
    }))
    .filter(({options}) => !UNUSED.has(options ?? ''));
}

/** What tells a hierarchy of version 1 from the others: its controllers, or its name. */
function controllers(options: string): string {
  const own = options.split(',').filter((word) => !/^(rw|ro|no\w+|relatime)$/.test(word));
  return own.some((word) => word.startsWith('name=')) ? ['none', ...own].join(',') : own.join(',');
}

/** Where the unified hierarchy is mounted; undefined where it is not. */
export function unifiedHierarchy(): Hierarchy | undefined {
  return hierarchies().find(({options}) => options === undefined);
}

/** Whether the unified hierarchy can limit memory; elsewhere that controller is in version 1. */
export function unifiedLimitsMemory(): boolean {
  const unified = unifiedHierarchy();
  return (
    unified !== undefined && readFileSync(join(unified.path, 'cgroup.controllers'), 'utf8').includes('memory')
  );
}

/** Makes a control group of one name in each hierarchy, for a systemd of its own. @returns their directories */
export function makeGroups(among: readonly Hierarchy[], name: string): string[] {
  return among.map(({path}) => {
    const directory = join(path, name);
    mkdirSync(directory);
    return directory;
  });
}

/** Removes a control group and all below. @throws Error while there is a process in one of them */
export function removeGroup(directory: string): void {
  for (const entry of readdirSync(directory, {withFileTypes: true})) {
    if (entry.isDirectory()) removeGroup(join(directory, entry.name));
  }
  rmdirSync(directory);
}
