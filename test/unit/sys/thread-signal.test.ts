import {describe, expect, test} from 'vitest';
import {gettid} from '../../../src/sys/process.js';
import {signalThread} from '../../../src/sys/thread-signal.js';

describe('a signal for one thread', () => {
  test('reaches the one that is named', async () => {
    const heard = new Promise<void>((resolve) => process.once('SIGUSR2', () => resolve()));
    signalThread(gettid(), 12);
    await heard;
  });

  const invalid: Array<[what: string, thread: number, signal: number, code: string]> = [
    ['a thread that is not there', 2 ** 22 - 1, 12, 'ESRCH'],
    ['a thread of another process', 1, 12, 'ESRCH'],
    ['a signal that does not exist', gettid(), 200, 'EINVAL'],
  ];
  for (const [what, thread, signal, code] of invalid) {
    test(`${what} is refused`, () => {
      let caught: unknown;
      try {
        signalThread(thread, signal);
      } catch (error) {
        caught = error;
      }
      expect(caught).toMatchObject({code, call: 'tgkill'});
    });
  }
});
