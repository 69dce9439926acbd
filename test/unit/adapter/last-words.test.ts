import {closeSync, ftruncateSync, openSync, rmSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from 'vitest';
import {LastWords} from '../../../src/adapter/last-words.js';
import {scratchDirectory} from '../sys/scratch.js';

let directory: string;
let fd: number;
beforeEach(() => {
  directory = scratchDirectory();
  fd = openSync(join(directory, 'log'), 'w+');
});
afterEach(() => {
  closeSync(fd);
  rmSync(directory, {recursive: true});
});

test('what was said since, without our own lines', () => {
  writeSync(fd, 'before\n');
  const words = new LastWords(fd);
  expect(words.read()).toBe('');
  writeSync(fd, 'one\n{"level":30,"msg":"ours"}\n\n two\n');
  expect(words.read()).toBe('one / two');
});

test('a log that has its size from the beginning', () => {
  ftruncateSync(fd, 100_000);
  writeSync(fd, 'before\n');
  const words = new LastWords(fd);
  writeSync(fd, 'after\n');
  expect(words.read()).toBe('after');
});

test('nothing that a terminal would act on, and no more than a sentence takes', () => {
  const words = new LastWords(fd);
  writeSync(fd, '\x1b[31mred\x1b[0m\x07 \u202e back\r\n');
  expect(words.read()).toBe('[31mred [0m back');
  writeSync(fd, 'x'.repeat(100_000));
  writeSync(fd, ' the end');
  const said = words.read();
  expect([...said].length).toBeLessThanOrEqual(300);
  expect(said).toMatch(/^x+ … x+ the end$/);
});

test('a log that can only be written to says nothing', () => {
  const writing = openSync(join(directory, 'log'), 'w');
  const words = new LastWords(writing);
  writeSync(writing, 'something\n');
  expect(words.read()).toBe('');
  closeSync(writing);
});
