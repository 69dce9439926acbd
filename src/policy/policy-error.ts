/** One thing that is wrong with a policy file. */
export interface PolicyProblem {
  readonly file: string;
  /** Counted from 1; undefined where the whole file is meant. */
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  /** As in the file, dotted: `server.tasks`. */
  readonly key?: string | undefined;
  /** What would be right. */
  readonly reason: string;
}

/** `FILE:LINE: KEY REASON`. */
export function problemText({file, line, column, key, reason}: PolicyProblem): string {
  const place = [file, line, column].filter((part) => part !== undefined).join(':');
  return `${place}: ${key === undefined ? '' : `${key} `}${reason}`;
}

/** A policy that can't be used: everything that is wrong with it, each with file, line, key, and what would be right. */
export class PolicyError extends Error {
  readonly problems: readonly PolicyProblem[];

  constructor(problems: readonly PolicyProblem[]) {
    super(`can't use policy ${problems.map(problemText).join('; ')}`);
    this.name = 'PolicyError';
    this.problems = problems;
  }
}
