import {readdirSync} from 'node:fs';
import {processStart, processState} from '../sys/process-state.js';
import {reap} from '../sys/spawn.js';

/**
 * Waits for what others left behind, as the first process of a container has to, pid_namespaces(7): servers, whose mount commands ended long before, would lie about as zombies, each
 * with its id, until none is left to be had. Children of our own are Node's to wait for, which it does at once, so what is still there at a second look is nobody's.
 */
export class Orphans {
  #seen: ReadonlySet<string> = new Set();

  /** One look at all processes. */
  tick(): void {
    const seen = new Set<string>();
    for (const pid of endedChildren()) {
      const name = `${pid} ${processStart(pid)}`;
      if (this.#seen.has(name)) reap(pid);
      else seen.add(name);
    }
    this.#seen = seen;
  }
}

/** Children of this process that have ended and that nobody has waited for. */
function endedChildren(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const {state, parentPid} = processState(pid);
        return state === 'Z' && parentPid === process.pid;
      } catch {
        // It is gone.
        return false;
      }
    });
}
