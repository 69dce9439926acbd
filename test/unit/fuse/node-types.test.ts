import {describe, expect, test} from 'vitest';
import {type FileSystem, NodeTypes} from '../../../src/fuse/index.js';
import {Harness, request, rows, text} from './support.js';

const FILE = 0o100644;
const DIRECTORY = 0o040755;
const EIO = 5;
const NAME = Uint8Array.from([...text('name'), 0]);

/** A file system whose node 7 is whatever the test says. */
class Changing implements FileSystem {
  mode = FILE;
  generation = 1;

  lookup(_parent: number, _name: Uint8Array, entry: Parameters<NonNullable<FileSystem['lookup']>>[2]): void {
    entry.nodeid = 7;
    entry.generation = this.generation;
    entry.attr.mode = this.mode;
  }

  getattr(...[, , reply]: Parameters<NonNullable<FileSystem['getattr']>>): void {
    reply.attr.mode = this.mode;
  }

  statx(...[, , , , reply]: Parameters<NonNullable<FileSystem['statx']>>): void {
    reply.mode = this.mode;
  }

  readdirplus(...[, , offset, list]: Parameters<NonNullable<FileSystem['readdirplus']>>): void {
    const entry = offset === 0 ? list.add(text('name'), 1) : undefined;
    if (entry === undefined) return;
    entry.nodeid = 7;
    entry.generation = this.generation;
    entry.attr.mode = this.mode;
  }
}

const LOOKUP = request('LOOKUP', NAME, {nodeid: 1n});
const GETATTR = request('GETATTR', new Uint8Array(16), {nodeid: 7n});
const STATX = request('STATX', new Uint8Array(24), {nodeid: 7n});
const READDIRPLUS = request(
  'READDIRPLUS',
  rows(
    '0000000000000000  fh',
    '0000000000000000  offset',
    '00100000 00000000  size',
    '0000000000000000  ',
    '00000000 00000000  ',
  ),
  {nodeid: 1n},
);
const FORGET = request('FORGET', rows('0100000000000000  nlookup'), {nodeid: 7n});

describe('a node that changes its type', () => {
  for (const [name, again] of Object.entries({LOOKUP, GETATTR, STATX, READDIRPLUS})) {
    test(`is EIO in ${name}`, () => {
      const fs = new Changing();
      const harness = new Harness(fs);
      expect(harness.errnoOf(LOOKUP)).toBe(0);
      expect(harness.errnoOf(again)).toBe(0);
      fs.mode = DIRECTORY;
      expect(harness.errnoOf(again)).toBe(EIO);
      expect(String(harness.errors[0]?.error)).toContain('nodeid=7, was=0100000, now=040000');
      fs.mode = FILE;
      expect(harness.errnoOf(again)).toBe(0);
    });
  }

  test('may do so under another generation', () => {
    const fs = new Changing();
    const harness = new Harness(fs);
    harness.ask(LOOKUP);
    fs.mode = DIRECTORY;
    fs.generation = 2;
    expect(harness.errnoOf(LOOKUP)).toBe(0);
    expect(harness.errnoOf(GETATTR)).toBe(0);
  });

  test('may do so once the kernel has forgotten it', () => {
    const fs = new Changing();
    const harness = new Harness(fs);
    harness.ask(LOOKUP);
    harness.send(FORGET);
    fs.mode = DIRECTORY;
    expect(harness.errnoOf(LOOKUP)).toBe(0);
  });
});

test('very many far nodes cost bounded memory and are learnt again', () => {
  const types = new NodeTypes();
  for (let i = 1; i <= 40_000; i++) types.entry(i * 1000, 0, FILE);
  expect(() => types.entry(40_000_000, 0, DIRECTORY)).toThrow('node-type');
  expect(() => types.entry(1000, 0, DIRECTORY)).not.toThrow();
});

test('node ids above 2^32 are told apart', () => {
  const types = new NodeTypes();
  types.entry(2 ** 40 + 5, 0, FILE);
  expect(() => types.attributes(5, DIRECTORY)).not.toThrow();
  expect(() => types.attributes(2 ** 40 + 5, DIRECTORY)).toThrow('node-type');
});
