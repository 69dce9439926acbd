import {afterEach, beforeEach, describe, expect, test, vi} from 'vitest';
import {BusyPoll} from '../../../src/fuse/busy-poll.js';

const WINDOW_MS = 8;
let poll: BusyPoll;
let looks: number;

/** Looks that take a millisecond each, and find something at the one of that number. */
function finds(at: number): () => boolean {
  return () => {
    vi.advanceTimersByTime(1);
    return ++looks === at;
  };
}
/** Requests that each come so long after the answer before them, to a thread that sleeps; and their answers. */
function request(afterMs: number, count = 1): void {
  for (let each = 0; each < count; each++) {
    vi.advanceTimersByTime(afterMs);
    poll.woken();
    poll.answered();
  }
}
const QUICK = 4;

describe('looking for the next request', () => {
  beforeEach(() => {
    vi.useFakeTimers({toFake: ['performance']});
    poll = new BusyPoll(WINDOW_MS);
    looks = 0;
  });
  afterEach(() => vi.useRealTimers());

  test('is not begun for the first request, nor for one that came late', () => {
    expect(poll.search(finds(1))).toBe(false);
    request(1000);
    expect(poll.search(finds(1))).toBe(false);
    request(WINDOW_MS + 1);
    expect(poll.search(finds(1))).toBe(false);
    expect(looks).toBe(0);
  });

  test('is not begun for a few, as a directory is', () => {
    for (let directory = 0; directory < 5; directory++) {
      request(WINDOW_MS + 1);
      request(1, QUICK - 1);
      expect(poll.search(finds(1))).toBe(false);
    }
    expect(looks).toBe(0);
  });

  test('finds one that comes within the window, again and again', () => {
    request(1000);
    request(2, QUICK);
    for (const at of [1, 5, WINDOW_MS]) {
      looks = 0;
      expect(poll.search(finds(at))).toBe(true);
      expect(looks).toBe(at);
      poll.answered();
    }
  });

  test('ends with the window, and is not begun again before requests are quick again', () => {
    request(1000);
    request(2, QUICK);
    expect(poll.search(finds(100))).toBe(false);
    expect(looks).toBe(WINDOW_MS);
    expect(poll.search(finds(1))).toBe(false);
    expect(looks).toBe(WINDOW_MS);
    request(3, QUICK + 1);
    expect(poll.search(finds(WINDOW_MS + 1))).toBe(true);
  });

  test('counts from the answer, not from where it is begun', () => {
    request(1000);
    request(2, QUICK);
    vi.advanceTimersByTime(WINDOW_MS);
    expect(poll.search(finds(2))).toBe(false);
    expect(looks).toBe(1);
  });

  test('is never begun with a window of nothing', () => {
    poll = new BusyPoll(0);
    request(0, QUICK + 1);
    expect(poll.search(finds(1))).toBe(false);
    expect(looks).toBe(0);
  });
});
