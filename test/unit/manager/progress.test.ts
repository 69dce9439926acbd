import {expect, test} from 'vitest';
import {Progress, type ProgressFacts} from '../../../src/manager/progress.js';

/** Half-second looks; each row is what is seen. */
function after(rows: ReadonlyArray<[waiting: number | undefined, answers?: number, activity?: number]>) {
  const progress = new Progress();
  rows.forEach(([waiting, answers, activity], index) => {
    const facts: ProgressFacts = {waiting, answers, activity: () => activity};
    progress.look(index * 500, facts);
  });
  return progress.stalledMs((rows.length - 1) * 500);
}

test.each([
  ['nothing waits', [[0], [0]], 0],
  ['the kernel does not tell', [[undefined], [undefined]], undefined],
  ['one waits and nothing happens', [[1], [1], [1]], 1000],
  ['one waited and is done', [[1], [1], [0]], 0],
  [
    'the server does something',
    [
      [1, undefined, 1],
      [1, undefined, 2],
      [1, undefined, 3],
    ],
    0,
  ],
  [
    'it has stopped doing anything',
    [
      [1, undefined, 1],
      [1, undefined, 2],
      [1, undefined, 2],
    ],
    500,
  ],
  [
    'answers are seen',
    [
      [1, 1, 1],
      [1, 2, 1],
      [1, 3, 1],
    ],
    0,
  ],
  [
    'it is busy, and answers nothing',
    [
      [1, 7, 1],
      [1, 7, 2],
      [1, 7, 3],
    ],
    1000,
  ],
  ['more and more wait', [[1], [2], [9]], 1000],
] as const)('%s', (_what, rows, expected) => {
  expect(after(rows as unknown as Parameters<typeof after>[0])).toBe(expected);
});
