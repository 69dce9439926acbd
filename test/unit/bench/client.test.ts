import {appendFileSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {type Operation, work} from '../../../bench/native/client.js';
import {isProgram} from '../../../bench/packages.js';

/** Whoever measures by a client trusts its counts and sums: they are tried on an ordinary directory. */
const lacking = isProgram('cc') ? undefined : 'no C compiler';
const SIZE = 40_960;

describe.skipIf(lacking !== undefined)(`the client${lacking === undefined ? '' : `: ${lacking}`}`, () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'fuseward-client-'));
    mkdirSync(join(root, 'tree/d0'), {recursive: true});
    for (let i = 0; i < 3; i++) writeFileSync(join(root, `tree/d0/f${i}`), `file ${i}`);
    for (const name of ['sequential', 'scattered']) writeFileSync(join(root, name), Buffer.alloc(SIZE, name));
  });
  afterAll(() => rmSync(root, {recursive: true}));

  const rows: ReadonlyArray<[operation: Operation, count: number, jobs: number, done: number]> = [
    // tree, d0, three files and two large ones
    ['walk', 1, 1, 7],
    ['stat', 5, 1, 5],
    ['stat-forced', 5, 2, 10],
    ['stat-birth', 3, 1, 3],
    ['open-close', 4, 1, 4],
    ['read-small', 3, 1, 3],
    ['sequential', 1, 1, SIZE],
    ['random', 20, 4, 80],
  ];
  test.each(rows)('%s %i times by %i', (operation, count, jobs, done) => {
    const first = work(root, {operation, count, jobs});
    const second = work(root, {operation, count, jobs});
    expect(first.count).toBe(done);
    expect(second.sum).toBe(first.sum);
    expect(first.ns).toBeGreaterThan(0);
  });

  const changes: ReadonlyArray<[what: string, operation: Operation, change: () => void]> = [
    ['a time', 'walk', () => utimesSync(join(root, 'tree/d0/f2'), 1, 1)],
    ['a size', 'stat-birth', () => appendFileSync(join(root, 'tree/d0/f1'), '.')],
    ['content', 'read-small', () => writeFileSync(join(root, 'tree/d0/f0'), 'Rile 0')],
    [
      'content of pages',
      'sequential',
      () => writeFileSync(join(root, 'sequential'), Buffer.alloc(SIZE, 'x')),
    ],
  ];
  test.each(changes)('%s that differs is seen', (_what, operation, change) => {
    const task = {operation, count: 3, jobs: 1};
    const before = work(root, task).sum;
    change();
    expect(work(root, task).sum).not.toBe(before);
  });

  test('a file that is not there is an error', () => {
    expect(() => work(root, {operation: 'read-small', count: 4, jobs: 1})).toThrow('f3: No such file');
  });
});
