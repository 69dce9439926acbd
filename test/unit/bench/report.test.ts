import {describe, expect, test} from 'vitest';
import {atLeast, atLeastBestOf, atMost, onlyFor, verdict, within} from '../../../bench/goals.js';
import {Recorder} from '../../../bench/recorder.js';
import {betweenMarkers} from '../../../bench/report/docs.js';
import type {Line, Unit} from '../../../bench/report/line.js';
import {timesBetter} from '../../../bench/report/line.js';
import {commandLine} from '../../../bench/report/report.js';
import {median, shown, summary} from '../../../bench/report/statistics.js';
import {cpuTable, mainTable} from '../../../bench/report/table.js';

function line(unit: Unit, values: Record<string, number[]>): Line {
  const samples = Object.entries(values).map(([name, each]) => [
    name,
    {values: each, clientCpu: each.map(() => 1), serverCpu: each.map(() => 2)},
  ]);
  return {name: 'work', unit, samples: Object.fromEntries(samples)};
}

describe('statistics', () => {
  test.each([
    [[3], 3],
    [[9, 1, 5], 5],
    [[1, 2, 10, 100], 6],
    [[10, 9, 100], 10],
  ])('the median of %j is %d', (values, middle) => expect(median(values)).toBe(middle));

  test.each([
    [0, '0.00'],
    [0.0123, '0.012'],
    [0.123, '0.12'],
    [12.34, '12.3'],
    [123.4, '123'],
    [118_000.4, '118,000'],
  ])('%d is shown as %s', (value, text) => expect(shown(value)).toBe(text));

  test('a spread is told where there is one', () => {
    expect([summary([2]), summary([4, 1, 2]), summary([]), summary(undefined)]).toEqual([
      '2.00',
      '2.00 (1.00–4.00)',
      '–',
      '–',
    ]);
  });
});

describe('goals', () => {
  const seconds = line('s', {kernel: [1], other: [8], slow: [16], ours: [2]});
  const rate = line('IOPS', {kernel: [100], other: [50], ours: [90]});

  test('more is better of a rate, less of a time', () => {
    expect(timesBetter(seconds, 'ours', 'other')).toBe(4);
    expect(timesBetter(rate, 'ours', 'kernel')).toBe(0.9);
    expect(timesBetter(rate, 'ours', 'nobody')).toBeUndefined();
  });

  test.each([
    ['as much as is allowed', atMost(2, 'kernel'), seconds, 'yes'],
    ['more than is allowed', atMost(1.9, 'kernel'), seconds, 'no'],
    ['four times as fast', atLeast(4, 'other'), seconds, 'yes'],
    ['not five times as fast', atLeast(5, 'other'), seconds, 'no'],
    ['a rate that is high enough', atLeast(0.9, 'kernel'), rate, 'yes'],
    ['a rate that is too low', atLeast(1, 'kernel'), rate, 'no'],
    ['the best of two counts', atLeastBestOf(5, 'all', ['slow', 'other']), seconds, 'no'],
    ['those that are not there do not', atLeastBestOf(4, 'all', ['nobody', 'other']), seconds, 'yes'],
    ['within a limit', within(2), seconds, 'yes'],
    ['beyond a limit', within(1.9), seconds, 'no'],
    ['against somebody who was not measured', atMost(2, 'nobody'), seconds, '–'],
    ['a goal of somebody else', onlyFor('another', within(1)), seconds, '–'],
  ])('%s', (_what, goal, measured, answer) => expect(verdict([goal], measured, 'ours')).toBe(answer));

  test('of several, those that are missed are named', () => {
    expect(verdict([within(3), atMost(1, 'kernel')], seconds, 'ours')).toBe('no: ≤ 1 × kernel');
  });
});

test('the table has a row a line: spread, ratios of each way of ours, goal, and who reaches it', () => {
  const measured = line('ms', {kernel: [10, 12, 11], ours: [22, 22, 22], 'ours faster': [11, 10, 12]});
  const text = mainTable(
    [measured],
    {contenders: ['kernel', 'ours', 'ours faster'], ours: ['ours', 'ours faster'], others: ['kernel']},
    new Map([['work', [atMost(1.5, 'kernel')]]]),
  );
  expect(text.split('\n')).toEqual([
    '|  | kernel | ours | ours faster | times better than kernel | goal | met by ours | met by ours faster |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    '| work, ms | 11.0 (10.0–12.0) | 22.0 (22.0–22.0) | 11.0 (10.0–12.0) | 0.50 / 1.00 | ≤ 1.5 × kernel | no | yes |',
  ]);
  expect(cpuTable([measured], ['kernel', 'nobody'])).toContain('| work, s | 1.00 + 2.00 | – |');
});

test('a run is told as a person would type it, without the places of its results', () => {
  const args = ['--rounds', '2', '--out', '/tmp/a', '--lines', 'walk|stat', '--json=b'];
  expect(commandLine('bench', args)).toBe("npm run bench -- --rounds 2 --lines 'walk|stat'");
  expect(commandLine('bench', [])).toBe('npm run bench');
});

test('contenders that were told different things are found', () => {
  const recorder = new Recorder();
  recorder.check('walk', 'kernel', 'abc');
  recorder.check('read', 'kernel', 'xyz');
  recorder.check('walk', 'ours', 'abc');
  expect(() => recorder.check('walk', 'another', 'abd')).toThrow('walk: another gave abd, kernel abc');
});

describe('documents', () => {
  test('what lies between the markers is replaced, whatever is in it', () => {
    const document = 'a\n<!-- bench -->\nold\n<!-- /bench -->\nz\n';
    const once = betweenMarkers(document, 'bench', '| $& | $1 |\n');
    expect(once).toBe('a\n<!-- bench -->\n\n| $& | $1 |\n\n<!-- /bench -->\nz\n');
    expect(betweenMarkers(once, 'bench', '| $& | $1 |\n')).toBe(once);
  });

  test.each(['none', '<!-- bench --> open', '<!-- bench --> <!-- /bench --> <!-- bench -->'])(
    'markers that are not one pair are refused: %s',
    (document) => expect(() => betweenMarkers(document, 'bench', 'x')).toThrow('goes between one'),
  );
});
