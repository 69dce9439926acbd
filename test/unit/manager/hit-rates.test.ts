import {describe, expect, test} from 'vitest';
import {HitRateWindow} from '../../../src/manager/hit-rates.js';

describe('hit rates', () => {
  test('are null while nothing was looked up', () => {
    const window = new HitRateWindow();
    window.sample(0, {hits: 0, misses: 0});
    expect(window.rates(5_000, {hits: 0, misses: 0})).toEqual({last10s: null, last1m: null, all: null});
  });

  test('differ by how far they look back', () => {
    const window = new HitRateWindow();
    // A minute of misses alone, then ten seconds of three hits to a miss.
    for (let second = 0; second <= 100; second++) {
      window.sample(second * 1000, {hits: 0, misses: second});
    }
    for (let second = 101; second <= 110; second++) {
      window.sample(second * 1000, {hits: (second - 100) * 3, misses: second});
    }
    const rates = window.rates(110_000, {hits: 30, misses: 110});
    expect(rates.last10s).toBe(30 / 40);
    expect(rates.last1m).toBe(30 / 90);
    expect(rates.all).toBe(30 / 140);
  });

  test('look at the whole life of a cache that is younger than the window', () => {
    const window = new HitRateWindow();
    window.sample(1_000, {hits: 0, misses: 0});
    expect(window.rates(3_000, {hits: 1, misses: 3})).toEqual({last10s: 0.25, last1m: 0.25, all: 0.25});
  });

  test('count what a cache had before it was first sampled for its whole life only', () => {
    const window = new HitRateWindow();
    window.sample(0, {hits: 100, misses: 0});
    expect(window.rates(2_000, {hits: 100, misses: 100})).toEqual({last10s: 0, last1m: 0, all: 0.5});
  });

  test('begin anew when counters go back', () => {
    const window = new HitRateWindow();
    window.sample(0, {hits: 1000, misses: 1000});
    window.sample(1_000, {hits: 0, misses: 0});
    expect(window.rates(2_000, {hits: 3, misses: 1}).last10s).toBe(0.75);
  });

  test.each([
    ['hits that went back', {hits: 0, misses: 90}],
    ['misses that went back', {hits: 90, misses: 0}],
    ['numbers beyond all measure', {hits: Number.MAX_SAFE_INTEGER, misses: Number.MAX_SAFE_INTEGER}],
  ])('stay between 0 and 1 for %s', (_what, now) => {
    const window = new HitRateWindow();
    window.sample(0, {hits: 50, misses: 50});
    for (const rate of Object.values(window.rates(1_000, now))) {
      expect(rate === null || (rate >= 0 && rate <= 1)).toBe(true);
    }
  });
});
