import {mkdtempSync, readdirSync, readFileSync, rmdirSync} from 'node:fs';
import {join} from 'node:path';

/** Where the unified hierarchy (cgroup 2) is mounted; undefined where it is not. */
export function unifiedHierarchy(): string | undefined {
  return readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .find(([, , kind]) => kind === 'cgroup2')?.[1];
}

/** Makes a control group in the unified hierarchy for a systemd of its own. @returns its directory */
export function makeGroup(): string {
  return mkdtempSync(join(unifiedHierarchy()!, 'fuseward-test-'));
}

/** Removes a control group and all below. @throws Error while there is a process in one of them */
export function removeGroup(directory: string): void {
  for (const entry of readdirSync(directory, {withFileTypes: true})) {
    if (entry.isDirectory()) removeGroup(join(directory, entry.name));
  }
  rmdirSync(directory);
}
