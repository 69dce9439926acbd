import {describe, expect, test} from 'vitest';
import {type HealthFacts, healthOf, SlowRequestFilter} from '../../../src/manager/health.js';

const LIMITS = {slowMs: 5_000, hungMs: 1_000};
const WELL: HealthFacts = {
  aborted: false,
  serverAlive: true,
  canAsk: true,
  answered: true,
  silentMs: 0,
  oldestRequestMs: 0,
  stalledMs: undefined,
};

describe('health', () => {
  test.each<[string, Partial<HealthFacts>, string]>([
    ['a server that answers', {}, 'ok'],
    ['a server that has not answered yet', {answered: false}, 'unknown'],
    ['a server that nobody can ask', {canAsk: false, answered: false, silentMs: 99_999}, 'unknown'],
    ['a server that nobody knows', {serverAlive: undefined, canAsk: false}, 'unknown'],
    ['one that has nothing to do', {canAsk: false, answered: false, stalledMs: 0}, 'ok'],
    ['one that gets no further', {canAsk: false, stalledMs: 1_001}, 'hung'],
    ['silence at the limit', {silentMs: 1_000}, 'ok'],
    ['silence above the limit', {silentMs: 1_500}, 'hung'],
    ['silence from the beginning', {answered: false, silentMs: 1_500}, 'hung'],
    ['a request at the limit', {oldestRequestMs: 5_000}, 'ok'],
    ['a request above the limit', {oldestRequestMs: 5_001}, 'slow'],
    ['silence after a slow request', {oldestRequestMs: 5_001, silentMs: 1_500}, 'hung'],
    ['a server that is gone', {serverAlive: false, silentMs: 1_500}, 'dead'],
    ['a foreign server that is gone', {serverAlive: false, canAsk: false}, 'dead'],
    ['a connection that was ended', {aborted: true, serverAlive: false}, 'aborted'],
  ])('%s', (_what, facts, health) => {
    expect(healthOf({...WELL, ...facts}, LIMITS)).toBe(health);
  });
});

describe('slow requests', () => {
  test('one is told once, however often it is seen', () => {
    const filter = new SlowRequestFilter();
    expect(filter.tells(10_000, 6_000)).toBe(true);
    for (let at = 10_500; at < 60_000; at += 500) expect(filter.tells(at, at - 4_000)).toBe(false);
  });

  test('another one is told, but not more than one in five seconds', () => {
    const filter = new SlowRequestFilter();
    expect(filter.tells(10_000, 6_000)).toBe(true);
    expect(filter.tells(12_000, 5_500)).toBe(false);
    expect(filter.tells(15_500, 9_000)).toBe(true);
  });
});
