import {readdirSync} from 'node:fs';
import {processState} from '../sys/process.js';

/**
 * Processes that come from this one and still run, youngest generation last. Those whose parent has ended count as well, since this
 * process is their new one (`becomeSubreaper`). Needs /proc of our own pid namespace.
 */
export function descendants(): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    try {
      const {parentPid, state} = processState(pid);
      if (state !== 'Z' && state !== 'X') children.set(parentPid, [...(children.get(parentPid) ?? []), pid]);
    } catch {
      // It ended meanwhile.
    }
  }
  const found: number[] = [];
  // Ends: every process has one parent, so each is found once.
  for (let generation = [process.pid]; generation.length > 0; ) {
    generation = generation.flatMap((pid) => children.get(pid) ?? []);
    found.push(...generation);
  }
  return found;
}
