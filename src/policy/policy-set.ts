import {loadPolicy} from './load.js';
import type {Policy} from './policy.js';
import {PolicyError, type PolicyProblem} from './policy-error.js';
import {readPolicyText} from './policy-file.js';
import {directoryFiles, encodeHeld, heldFiles, type PolicyText} from './policy-files.js';

/**
 * All of an administrator's policy files as they were at one moment. What it says of a type does not change when the files do,
 * and is never half of one state and half of another.
 */
export class PolicySet {
  readonly #directory: string;
  readonly #texts: readonly PolicyText[];
  readonly #known = new Map<string, Policy>();

  /** Types whose policy is kept; who may mount with FUSE chooses the type, and may choose a new one each time. */
  static readonly MOST_KNOWN = 64;

  private constructor(directory: string, texts: readonly PolicyText[]) {
    this.#directory = directory;
    this.#texts = texts;
  }

  /** Reads every file. @throws PolicyError with everything that is wrong in any of them */
  static read(directory: string): PolicySet {
    const {set, problems} = PolicySet.salvage(directory);
    if (problems.length > 0) throw new PolicyError(problems);
    return set;
  }

  /** Reads every file, and leaves out those that can't be used. */
  static salvage(directory: string): {set: PolicySet; problems: readonly PolicyProblem[]} {
    const problems: PolicyProblem[] = [];
    const texts: PolicyText[] = [];
    const attempt = (act: () => void): void => {
      try {
        act();
      } catch (error) {
        if (!(error instanceof PolicyError)) throw error;
        problems.push(...error.problems);
      }
    };
    attempt(() => {
      const files = directoryFiles(directory);
      for (const name of files.names()) {
        attempt(() => {
          const found = files.read(name);
          if (found === undefined) return;
          readPolicyText(found.file, found.text);
          texts.push(found);
        });
      }
    });
    return {set: new PolicySet(directory, texts), problems};
  }

  /** The files that it was made of. */
  get files(): readonly string[] {
    return this.#texts.map(({file}) => file);
  }

  /** The policy of a type. */
  of(type: string | undefined): Policy {
    const key = type ?? '';
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const policy = loadPolicy(type, heldFiles(this.#directory, this.#texts));
    if (this.#known.size >= PolicySet.MOST_KNOWN) this.#known.clear();
    this.#known.set(key, policy);
    return policy;
  }

  /** For another process, as `readHeldFile` takes it. */
  encode(): string {
    return encodeHeld(this.#directory, this.#texts);
  }
}
