import {
  type ActReport,
  errnoText,
  type Outcome,
  type ProbeEnd,
  STAGES,
  type Stage,
} from '../../probe/report.js';
import {ERRNO} from '../../sys/errno-codes.js';
import {ERRNO_FORBIDDEN} from '../../sys/forbidden-call.js';

/** What became of one act. */
export interface Verdict {
  readonly act: string;
  /** `granted`: V8's compilers need it. `not-tried` says why. */
  readonly verdict: 'stopped' | 'not-stopped' | 'granted' | 'not-tried';
  /** What stopped it, stage by stage; a stage in which it was not tried is missing. */
  readonly stages: Readonly<Partial<Record<Stage, string>>>;
}

/** Errnos by which a limit, a right or a namespace says no. Any other one may mean that the act only was done badly. */
const REFUSALS: Readonly<Record<number, string>> = {
  [ERRNO_FORBIDDEN]: 'seccomp',
  [ERRNO.EPERM]: 'no right',
  [ERRNO.EACCES]: 'no right',
  [ERRNO.ENOENT]: 'not there',
  [ERRNO.ENOTDIR]: 'not there',
  [ERRNO.ESRCH]: 'no such process',
  [ERRNO.EROFS]: 'read-only',
  [ERRNO.EBADF]: 'not open for that',
  [ERRNO.ENETUNREACH]: 'no network',
  [ERRNO.ECONNREFUSED]: 'another network',
  [ERRNO.ENOMEM]: 'limit',
  [ERRNO.EAGAIN]: 'limit',
  [ERRNO.EMFILE]: 'limit',
  [ERRNO.EFBIG]: 'limit',
  [ERRNO.ENOSYS]: 'no such call',
};

/** The one act that the kernel's filter can't judge where code is compiled: it shows an address and not what is mapped there. */
export const EXECUTABLE_ACT = 'make memory executable that it wrote';

function inWords(outcome: Outcome): string {
  if (outcome.result === 'not-tried') return outcome.detail;
  if (outcome.result === 'went-through') return `went through (${outcome.detail})`;
  const by = REFUSALS[outcome.errno];
  const errno = outcome.errno === ERRNO_FORBIDDEN ? '' : ` (${errnoText(outcome.errno)})`;
  const detail = outcome.detail === '' ? '' : `, ${outcome.detail}`;
  return `${by ?? 'failed'}${errno}${detail}`;
}

function judge(act: string, locked: Outcome | undefined, jitless: boolean): Verdict['verdict'] {
  // An act that never ended has ended the probe, or the probe never came to it.
  if (locked === undefined) return 'not-stopped';
  if (locked.result === 'not-tried') return 'not-tried';
  if (locked.result === 'stopped' && REFUSALS[locked.errno] !== undefined) return 'stopped';
  return act === EXECUTABLE_ACT && !jitless ? 'granted' : 'not-stopped';
}

/** What all reports of a probe say together. Acts that it never came to are those whose beginning was not even told. */
export function verdictsOf(reports: ReadonlyArray<ActReport | ProbeEnd>): {
  verdicts: Verdict[];
  complete: boolean;
} {
  const end = reports.find((each) => 'end' in each);
  const acts = new Map<string, Partial<Record<Stage, Outcome | undefined>>>();
  for (const report of reports) {
    if ('end' in report) continue;
    acts.set(report.act, {...acts.get(report.act), [report.stage]: report.outcome});
  }
  const verdicts = [...acts].map(([act, stages]) => {
    const words: Partial<Record<Stage, string>> = {};
    for (const stage of STAGES) {
      if (!(stage in stages)) continue;
      const outcome = stages[stage];
      words[stage] = outcome === undefined ? 'ended the probe' : inWords(outcome);
    }
    return {act, verdict: judge(act, stages.locked, end?.jitless ?? false), stages: words};
  });
  return {verdicts, complete: end !== undefined};
}
