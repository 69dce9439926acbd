import {describe, expect, test} from 'vitest';
import {parseFields} from '../../../../src/manager/tracing/event-format.js';
import {pageLayout, readPage} from '../../../../src/manager/tracing/ring-page.js';

const HEADER = `\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;
\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;
\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;
\tfield: char data;\toffset:16;\tsize:4080;\tsigned:0;`;
const LAYOUT = pageLayout(parseFields(HEADER))!;

/** Words of an entry: kind in the low 5 bits, time since the entry before above them. */
const entry = (kind: number, delta: number, ...words: number[]): number[] => [kind + delta * 32, ...words];

function page(
  words: readonly number[],
  opts: {time?: number; flags?: number; commit?: number} = {},
): DataView {
  const view = new DataView(new ArrayBuffer(LAYOUT.size));
  const time = opts.time ?? 1000;
  view.setUint32(0, time % 2 ** 32, true);
  view.setUint32(4, Math.floor(time / 2 ** 32), true);
  view.setUint32(8, (opts.commit ?? words.length * 4) + (opts.flags ?? 0), true);
  words.forEach((word, index) => {
    view.setUint32(LAYOUT.dataAt + index * 4, word, true);
  });
  return view;
}

function eventsOf(view: DataView) {
  const events: Array<[time: number, word: number, length: number]> = [];
  const news = readPage(view, LAYOUT, (time, at, length) => {
    events.push([time, length >= 4 ? view.getUint32(at, true) : 0, length]);
  });
  return {events, ...news};
}

test('the layout that the kernel describes', () => {
  expect(LAYOUT).toEqual({commitSize: 8, commitAt: 8, dataAt: 16, size: 4096});
  expect(pageLayout(parseFields(HEADER.replace('commit', 'other')))).toBeUndefined();
  expect(pageLayout(parseFields(HEADER.replace('size:4080', 'size:2')))).toEqual({...LAYOUT, size: 18});
});

test('entries of every kind', () => {
  const view = page([
    ...entry(2, 5, 0xaaaa, 1), // two words of data
    ...entry(29, 7, 8, 0), // discarded: 8 bytes behind the head
    ...entry(30, 3, 1), // a longer time: 2^27 + 3
    ...entry(0, 1, 8, 0xbbbb), // a length of its own, which counts itself
    ...entry(31, 100, 0), // an absolute time
    ...entry(1, 4, 0xcccc),
    ...entry(29, 0), // the rest is nothing
    ...entry(1, 1, 0xdddd),
  ]);
  expect(eventsOf(view)).toEqual({
    events: [
      [1005, 0xaaaa, 8],
      [1005 + 7 + 2 ** 27 + 3 + 1, 0xbbbb, 4],
      [104, 0xcccc, 4],
    ],
    missed: false,
    damaged: false,
  });
});

test('events that were lost before it', () => {
  expect(eventsOf(page(entry(1, 1, 7), {flags: 2 ** 31 + 2 ** 30}))).toEqual({
    events: [[1001, 7, 4]],
    missed: true,
    damaged: false,
  });
});

test('a time above 2^32', () => {
  expect(eventsOf(page(entry(1, 1, 7), {time: 2 ** 41 + 5})).events[0]?.[0]).toBe(2 ** 41 + 6);
});

describe('a page that is none ends', () => {
  test.each([
    ['data longer than the page', entry(28, 1, 7), {}],
    ['a length beyond the page', entry(0, 1, 0xfffffff0), {}],
    ['a length below its own', entry(0, 1, 0), {}],
    ['a discarded entry that leads back', entry(29, 1, 0xfffffff8), {}],
    ['a head at the very end', [30], {}],
    ['a commit beyond the page', entry(1, 1, 7), {commit: 0xfffff}],
  ])('%s', (_what, words, opts) => {
    const {events} = eventsOf(page(words, opts));
    for (const [, , length] of events) expect(length).toBeLessThanOrEqual(4080);
  });

  test('a page shorter than its header', () => {
    expect(readPage(new DataView(new ArrayBuffer(8)), LAYOUT, () => {})).toEqual({
      missed: false,
      damaged: true,
    });
  });

  test('any bytes', () => {
    let seed = 1;
    for (let round = 0; round < 300; round++) {
      const words = Array.from({length: 60}, () => {
        seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
        return seed;
      });
      readPage(page(words), LAYOUT, (_time, at, length) => {
        expect(at + length).toBeLessThanOrEqual(LAYOUT.size);
      });
    }
  });
});
