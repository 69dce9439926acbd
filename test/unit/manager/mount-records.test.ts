import {mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import type {MountRecord} from '../../../src/launch/mount-record.js';
import {RecordReader, readRecords} from '../../../src/manager/mount-records.js';

const RECORD: MountRecord = {
  connectionId: 43,
  mountId: 66,
  source: '/images/a.img',
  target: '/mnt',
  type: 'ext4',
  options: ['ro'],
  readOnly: true,
  loopDevice: '/dev/loop0',
  blockSize: 1024,
  iomap: 'unsupported',
  kind: 'embedded',
  serverPid: 4711,
  serverStart: '12345',
  reported: {landlock: 7, systemCalls: 54},
  since: '2024-02-29T12:00:00.000Z',
};
let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'fuseward-records-'));
});
afterEach(() => rmSync(directory, {recursive: true}));

/** As the mount command does it. */
function write(name: string, text: string): void {
  writeFileSync(join(directory, `${name}.new`), text);
  renameSync(join(directory, `${name}.new`), join(directory, name));
}

describe('records', () => {
  test('are read by connection', () => {
    write('43.json', JSON.stringify(RECORD));
    expect(readRecords(directory)).toEqual(new Map([[43, RECORD]]));
  });

  test.each([
    ['no JSON', '43.json', '{'],
    ['another value', '43.json', '[]'],
    ['the number of another connection', '44.json', JSON.stringify(RECORD)],
    [
      'a loop device that is a path to elsewhere',
      '43.json',
      JSON.stringify({...RECORD, loopDevice: '/dev/../etc'}),
    ],
    ['a process id that is none', '43.json', JSON.stringify({...RECORD, serverPid: -1})],
    ['an option that is no text', '43.json', JSON.stringify({...RECORD, options: [1]})],
    ['a half-written file', '43.json.new', JSON.stringify(RECORD)],
    ['a name that is no number', 'x.json', JSON.stringify(RECORD)],
  ])('%s is none', (_what, name, text) => {
    writeFileSync(join(directory, name), text);
    expect(readRecords(directory).size).toBe(0);
  });

  test('a directory that is not there has none', () => {
    expect(readRecords(join(directory, 'none')).size).toBe(0);
    expect(new RecordReader(join(directory, 'none')).read().size).toBe(0);
  });

  test('a reader sees what comes, changes and goes, however soon', () => {
    const reader = new RecordReader(directory);
    for (let round = 0; round < 50; round++) {
      write('43.json', JSON.stringify({...RECORD, mountId: round}));
      expect(reader.read().get(43)?.mountId).toBe(round);
      rmSync(join(directory, '43.json'));
      expect(reader.read().size).toBe(0);
    }
  });

  test('a reader does not read again what has not changed', () => {
    write('43.json', JSON.stringify(RECORD));
    utimesSync(directory, 1000, 1000);
    const reader = new RecordReader(directory);
    expect(reader.read()).toBe(reader.read());
  });
});
