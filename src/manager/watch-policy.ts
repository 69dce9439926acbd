import {loadPolicy, PolicyError} from '../policy/index.js';
import type {ManagerLog} from './log.js';
import type {WatchPolicy} from './watched-mount.js';

/** A directory that is not there, so that what ships holds. */
const NO_DIRECTORY = '/nonexistent/fuseward';

/** Types whose rules are kept. */
const MOST_KNOWN = 64;

/** The administrator's rules for mounts that run, by type; read once, and again after `forget`. */
export class WatchPolicies {
  readonly #directory: string | undefined;
  readonly #log: ManagerLog;
  readonly #known = new Map<string, WatchPolicy>();

  constructor(directory: string | undefined, {log}: {log: ManagerLog}) {
    this.#directory = directory;
    this.#log = log;
  }

  /** The rules for a type. A policy that can't be used is logged, and what ships holds instead. */
  of(type: string): WatchPolicy {
    const known = this.#known.get(type);
    if (known !== undefined) return known;
    const policy = this.#load(type);
    // Whoever may mount with FUSE chooses the type, and may choose a new one each time.
    if (this.#known.size >= MOST_KNOWN) this.#known.clear();
    this.#known.set(type, policy);
    return policy;
  }

  /** Reads the files again for mounts that come. */
  forget(): void {
    this.#known.clear();
  }

  #load(type: string): WatchPolicy {
    try {
      return loadPolicy(type, this.#directory);
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      this.#log.error({type, error: error.message}, 'policy not used, what ships holds');
      return loadPolicy(type, NO_DIRECTORY);
    }
  }
}
