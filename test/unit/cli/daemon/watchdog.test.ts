import {afterEach, beforeEach, expect, test, vi} from 'vitest';
import {startWatchdog} from '../../../../src/cli/daemon/watchdog.js';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test('a manager that works gives signs of life in half the time; one that does not gives none', async () => {
  let works = true;
  const alive = vi.fn();
  const onSilent = vi.fn();
  const end = startWatchdog({alive: async () => works}, {alive}, {everyMs: 10_000, onSilent});
  await vi.advanceTimersByTimeAsync(10_500);
  expect(alive).toHaveBeenCalledTimes(3);
  expect(onSilent).not.toHaveBeenCalled();
  works = false;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(alive).toHaveBeenCalledTimes(3);
  expect(onSilent).toHaveBeenCalledTimes(2);
  end();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(onSilent).toHaveBeenCalledTimes(2);
});

test('one that never answers is asked once', async () => {
  const alive = vi.fn();
  const asked = vi.fn(() => new Promise<boolean>(() => {}));
  const end = startWatchdog({alive: asked}, {alive}, {everyMs: 1_000, onSilent: () => {}});
  await vi.advanceTimersByTimeAsync(20_000);
  expect(asked).toHaveBeenCalledTimes(1);
  expect(alive).not.toHaveBeenCalled();
  end();
});
