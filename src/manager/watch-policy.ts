import {mkdirSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {dirname} from 'node:path';
import {type Policy, PolicyError, PolicySet, problemText} from '../policy/index.js';
import type {ManagerLog} from './log.js';

/** What came of reading the files again. */
export type Reloaded =
  | {readonly files: readonly string[]}
  /** Everything that is wrong; what was in force still is. */
  | {readonly problems: readonly string[]};

/**
 * The administrator's policy as the manager holds it: read at its start and again when somebody says so, always all of it. A
 * state that has an error in any file does not come into force. The mounts that the manager makes go by what is held, which the mount
 * command finds in a file of root's.
 */
export class WatchPolicies {
  readonly #directory: string;
  readonly #heldFile: string;
  readonly #log: ManagerLog;
  #set: PolicySet;
  #isWhole: boolean;
  #begun = false;

  /**
   * Reads the files. At the start there is no earlier state to keep: files that can't be used are left out, and logged. Nothing is written
   * before `begin`.
   * @param heldFile where the state in force is kept for the mount command
   */
  constructor(directory: string, heldFile: string, {log}: {log: ManagerLog}) {
    this.#directory = directory;
    this.#heldFile = heldFile;
    this.#log = log;
    const {set, problems} = PolicySet.salvage(directory);
    this.#set = set;
    for (const problem of problems) {
      this.#log.error({...problem}, 'a policy file is not used, what ships holds in its place');
    }
    // Nobody may mount by a policy that is half there.
    this.#isWhole = problems.length === 0;
  }

  /** Keeps what is held for the mount command, once it is certain that no other manager's is there. */
  begin(): void {
    this.#begun = true;
    this.#hold();
  }

  /** The policy of a type. */
  of(type: string): Policy {
    return this.#set.of(type);
  }

  /** Where the mount command finds what is held; undefined when it has to read the files itself and tell what is wrong with them. */
  heldFile: string | undefined;

  /** Reads the files again, for mounts that come; those that are watched keep their rules. */
  reload(): Reloaded {
    try {
      this.#set = PolicySet.read(this.#directory);
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      const problems = error.problems.map(problemText);
      this.#log.error({problems}, 'policy not reloaded, the old one holds');
      return {problems};
    }
    this.#isWhole = true;
    this.#hold();
    const {files} = this.#set;
    this.#log.info({files}, 'policy reloaded');
    return {files};
  }

  /** Removes what is held. */
  close(): void {
    if (this.#begun) rmSync(this.#heldFile, {force: true});
  }

  #hold(): void {
    this.heldFile = undefined;
    if (!this.#isWhole) {
      this.close();
      return;
    }
    try {
      mkdirSync(dirname(this.#heldFile), {recursive: true, mode: 0o755});
      writeFileSync(`${this.#heldFile}.new`, this.#set.encode(), {mode: 0o600});
      renameSync(`${this.#heldFile}.new`, this.#heldFile);
      this.heldFile = this.#heldFile;
    } catch (error) {
      this.#log.warn({error: String(error)}, 'the policy in force is not kept, mounts read the files');
    }
  }
}
