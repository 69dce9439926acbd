import {expect, test} from 'vitest';
import {EXECUTABLE_ACT, verdictsOf} from '../../../src/cli/doctor/verdict.js';
import type {ActReport, Outcome} from '../../../src/probe/report.js';
import {ERRNO} from '../../../src/sys/errno-codes.js';
import {ERRNO_FORBIDDEN} from '../../../src/sys/forbidden-call.js';

const locked = (act: string, outcome?: Outcome): ActReport => ({
  act,
  stage: 'locked',
  ...(outcome && {outcome}),
});
const stopped = (errno: number): Outcome => ({result: 'stopped', errno, detail: ''});
const through: Outcome = {result: 'went-through', detail: 'descriptor 9'};
const end = {end: true, jitless: false, landlock: 7} as const;

test.each([
  ['the filter', stopped(ERRNO_FORBIDDEN), 'stopped'],
  ['a missing right', stopped(ERRNO.EPERM), 'stopped'],
  ['a limit', stopped(ERRNO.EAGAIN), 'stopped'],
  ['nothing', through, 'not-stopped'],
  // The kernel looked at the arguments, so it would have done it with better ones.
  ['bad arguments alone', stopped(ERRNO.EINVAL), 'not-stopped'],
  ['a bad address alone', stopped(ERRNO.EFAULT), 'not-stopped'],
  ['its own end', undefined, 'not-stopped'],
])('an act that is stopped by %s', (_by, outcome, verdict) => {
  const {verdicts} = verdictsOf([locked('an act'), ...(outcome ? [locked('an act', outcome)] : []), end]);
  expect(verdicts).toMatchObject([{act: 'an act', verdict}]);
});

test('what the sandbox lets through is told, and does not count where the filter stops it', () => {
  const sandbox: ActReport = {act: 'open', stage: 'sandbox', outcome: through};
  expect(verdictsOf([sandbox, locked('open', stopped(ERRNO_FORBIDDEN)), end]).verdicts).toEqual([
    {
      act: 'open',
      verdict: 'stopped',
      stages: {sandbox: 'went through (descriptor 9)', locked: 'seccomp'},
    },
  ]);
});

test('executable memory is granted to compilers alone', () => {
  const reports = [locked(EXECUTABLE_ACT, through)];
  expect(verdictsOf([...reports, end]).verdicts).toMatchObject([{verdict: 'granted'}]);
  expect(verdictsOf([...reports, {...end, jitless: true}]).verdicts).toMatchObject([
    {verdict: 'not-stopped'},
  ]);
});

test('a probe that ended early is not complete', () => {
  expect(verdictsOf([locked('open', stopped(ERRNO_FORBIDDEN))]).complete).toBe(false);
  expect(verdictsOf([end]).complete).toBe(true);
});
