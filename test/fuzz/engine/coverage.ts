import {Session} from 'node:inspector';

/** What V8 says of one function: pieces of source, outer before inner, and how often each ran. */
interface FunctionCoverage {
  functionName: string;
  ranges: Array<{startOffset: number; endOffset: number; count: number}>;
}

/** Characters of functions, by where the functions start. */
export type Fresh = Map<number, Set<number>>;

/**
 * Which pieces of one script have run so far, by V8's own block coverage. Costs some microseconds a question, so it is asked
 * after a batch of inputs and not after each.
 */
export class Coverage {
  readonly #session = new Session();
  readonly #script: string;
  /** Of each function, by where it starts: the characters of it that ran. */
  readonly #seen = new Map<number, Uint8Array>();

  /** @param script the URL of the script that counts */
  constructor(script: string) {
    this.#script = script;
    this.#session.connect();
    this.#post('Profiler.enable');
    this.#post('Profiler.startPreciseCoverage', {callCount: true, detailed: true});
  }

  /** What ran since the last question and never had before. */
  fresh(): Fresh {
    const fresh: Fresh = new Map();
    for (const [start, now] of this.#taken()) {
      let seen = this.#seen.get(start);
      if (seen === undefined) {
        seen = new Uint8Array(now.length);
        this.#seen.set(start, seen);
      }
      for (let i = 0; i < now.length; i++) {
        if (now[i]! <= seen[i]!) continue;
        seen[i] = 1;
        const places = fresh.get(start);
        if (places === undefined) fresh.set(start, new Set([i]));
        else places.add(i);
      }
    }
    return fresh;
  }

  /** Takes out of `fresh` what ran since the last question. @returns whether there was any */
  claim(fresh: Fresh): boolean {
    let any = false;
    for (const [start, now] of this.#taken()) {
      const places = fresh.get(start);
      if (places === undefined) continue;
      for (const place of places) {
        if (now[place] !== 1) continue;
        places.delete(place);
        any = true;
      }
      if (places.size === 0) fresh.delete(start);
    }
    return any;
  }

  /** Pieces of source that have run, in characters: a measure to compare by, nothing more. */
  get size(): number {
    let size = 0;
    for (const seen of this.#seen.values()) for (const piece of seen) size += piece;
    return size;
  }

  close(): void {
    this.#session.disconnect();
  }

  /** The functions that ran since the last question, by where they start, each with a 1 for every character that ran. */
  *#taken(): Generator<readonly [start: number, now: Uint8Array]> {
    const {result} = this.#post('Profiler.takePreciseCoverage') as {
      result: Array<{url: string; functions: FunctionCoverage[]}>;
    };
    for (const {url, functions} of result) {
      if (url !== this.#script) continue;
      for (const {functionName, ranges} of functions) {
        const {startOffset: start, endOffset: end, count} = ranges[0]!;
        // The module itself runs once and holds everything.
        if (count === 0 || (functionName === '' && start === 0)) continue;
        const now = new Uint8Array(end - start);
        for (const range of ranges)
          now.fill(range.count > 0 ? 1 : 0, range.startOffset - start, range.endOffset - start);
        yield [start, now];
      }
    }
  }

  /** The session is in this very thread, so that answers come before the call returns. */
  #post(method: string, params: object = {}): unknown {
    let answer: unknown;
    this.#session.post(method, params, (error, result) => {
      if (error !== null) throw new Error(`${method}: ${error.message}`);
      answer = result;
    });
    return answer;
  }
}
