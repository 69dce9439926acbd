import type {ServerPolicy} from '../../policy/index.js';
import {STAGES} from '../../probe/report.js';
import {CommandError, EXIT, print} from '../command.js';
import {harmless} from '../terminal/text.js';
import {probeEmbedded} from './embedded-probe.js';
import type {ProbeResult} from './probe-ground.js';
import {probeUnit} from './unit-probe.js';
import {type Verdict, verdictsOf} from './verdict.js';

const MARKS: Readonly<Record<Verdict['verdict'], string>> = {
  stopped: 'ok',
  granted: '--',
  'not-tried': '--',
  'not-stopped': 'NO',
};

/** What the probe found, as `--json` prints it. */
export interface ContainmentReport {
  readonly held: boolean;
  /** `embedded`, or the unit. */
  readonly launcher: string;
  readonly acts: readonly Verdict[];
  /** Every act was tried to its end. */
  readonly complete: boolean;
  /** What a forbidden call leaves in the log of a server. */
  readonly breadcrumb: string | null;
  /** Bytes of log that it could write; null where the journal takes it. */
  readonly logBytes: number | null;
}

function reportOf(launcher: string, {reports, breadcrumb, logBytes}: ProbeResult): ContainmentReport {
  const {verdicts, complete} = verdictsOf(reports);
  const held = complete && verdicts.every(({verdict}) => verdict !== 'not-stopped');
  return {
    held,
    launcher,
    acts: verdicts,
    complete,
    breadcrumb: breadcrumb ?? null,
    logBytes: logBytes ?? null,
  };
}

function printReport({held, acts, complete, breadcrumb}: ContainmentReport): void {
  const width = Math.max(...acts.map(({act}) => act.length), 1);
  print('Each act was tried in the sandbox alone, with landlock, and under the system-call filter:\n');
  for (const {act, verdict, stages} of acts) {
    const words = STAGES.map((stage) => stages[stage] ?? '-');
    print(`${MARKS[verdict]}  ${harmless(act).padEnd(width)}  ${harmless(words.join(' · '))}`);
  }
  const count = (wanted: Verdict['verdict']): number => acts.filter(({verdict}) => verdict === wanted).length;
  print(
    `\n${count('stopped')} of ${acts.length} acts were stopped, ${count('granted')} granted, ${count('not-tried')} not tried.`,
  );
  print(
    breadcrumb === null
      ? 'A forbidden call leaves no line in the log here.'
      : `A forbidden call ends a server, with this line: ${harmless(breadcrumb)}`,
  );
  if (!complete) print('The probe ended before it had tried everything: see the last line.');
  print(held ? 'Servers are contained here.' : 'Servers are NOT contained here: see the lines marked NO.');
}

/**
 * Runs the probe in the sandbox that servers get from the launcher, or in that of a template unit, and prints what came of it.
 * @returns the exit code
 */
export async function probeContainment(
  policy: ServerPolicy,
  opts: {json: boolean; unit?: string | undefined},
): Promise<number> {
  if (process.getuid?.() !== 0) throw new CommandError("can't start a contained probe: only root can");
  const result = opts.unit === undefined ? await probeEmbedded(policy) : await probeUnit(opts.unit);
  const report = reportOf(opts.unit ?? 'embedded', result);
  if (opts.json) print(JSON.stringify(report, null, 2));
  else printReport(report);
  return report.held ? EXIT.done : EXIT.failed;
}
