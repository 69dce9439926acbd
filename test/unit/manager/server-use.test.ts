import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {readdirSync, readFileSync} from 'node:fs';
import {describe, expect, test} from 'vitest';
import {
  numbersOf,
  type ProcessNumbers,
  parseIo,
  parseStat,
  parseSwitches,
} from '../../../src/manager/process-numbers.js';
import {serverProcesses} from '../../../src/manager/server-processes.js';
import {ServerUse} from '../../../src/manager/server-use.js';

/** Fields of a stat file from the state on. */
const fields = (over: Record<number, number | string> = {}): string =>
  Array.from({length: 50}, (_, index) => over[index] ?? (index === 0 ? 'S' : index)).join(' ');

describe('a stat file', () => {
  test('own times and those of children that were waited for', () => {
    expect(parseStat(`7 (server) ${fields()}\n`)).toEqual({
      ...{state: 'S', parent: 1, start: '19', threads: 17},
      ...{userSeconds: (11 + 13) / 100, systemSeconds: (12 + 14) / 100, minorFaults: 15, majorFaults: 19},
    });
  });

  test.each([
    ['parentheses and spaces', 'a) R 1 1 (b'],
    ['a line feed', 'a\n7 (b) Z 1'],
    ['the look of another file', ') S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 99 '],
    ['nothing', ''],
  ])('a name that is %s', (_what, name) => {
    expect(parseStat(`7 (${name}) ${fields()}\n`)).toMatchObject({state: 'S', parent: 1, start: '19'});
  });

  test.each([
    ['nothing', ''],
    ['no name', '7 S 1 2 3'],
    ['an end in the middle', '7 (server) S 1 2 3'],
    ['words for numbers', `7 (server) ${fields({11: 'x'})}`],
    ['a start that is no number', `7 (server) ${fields({19: '-1'})}`],
  ])('%s is none', (_what, text) => {
    expect(parseStat(text)).toBeUndefined();
  });
});

test('an io file, and what is none', () => {
  const text = 'rchar: 10\nwchar: 20\nsyscr: 1\nsyscw: 2\nread_bytes: 4096\nwrite_bytes: 0\n';
  expect(parseIo(text)).toEqual({
    ...{readBytes: 10, writtenBytes: 20, storageReadBytes: 4096, storageWrittenBytes: 0},
  });
  expect(parseIo('')).toBeUndefined();
  expect(parseIo('xrchar: 10\nrchar: no\nwchar: 1\n')).toBeUndefined();
});

test('context switches, where the name of the process is no line of its own', () => {
  const text =
    'Name:\tx\\nvoluntary_ctxt_switches: 99\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t3\n';
  expect(parseSwitches(text)).toEqual({voluntary: 5, involuntary: 3});
});

/** Processes as a test wants them. */
function world(): {
  look: (pid: number) => ProcessNumbers | undefined;
  set: Map<number, Partial<ProcessNumbers>>;
} {
  const set = new Map<number, Partial<ProcessNumbers>>();
  const look = (pid: number): ProcessNumbers | undefined => {
    const numbers = set.get(pid);
    return numbers === undefined
      ? undefined
      : {
          ...{state: 'S', parent: 1, start: '1', threads: 1, userSeconds: 0, systemSeconds: 0},
          ...{minorFaults: 0, majorFaults: 0, residentBytes: 100, privateBytes: 10, openFiles: 3},
          ...{io: undefined, voluntarySwitches: 0, involuntarySwitches: 0},
          ...numbers,
        };
  };
  return {look, set};
}

describe('what a server uses', () => {
  test('is the sum over its processes', () => {
    const {look, set} = world();
    set.set(10, {userSeconds: 1, voluntarySwitches: 5}).set(11, {systemSeconds: 2, threads: 4});
    expect(new ServerUse(look).read([10, 11])).toMatchObject({
      ...{cpuSeconds: 3, userSeconds: 1, systemSeconds: 2, residentBytes: 200, privateBytes: 20},
      ...{threads: 5, processes: 2, openFiles: 6, voluntarySwitches: 5, io: null},
    });
  });

  test('does not shrink when a process ends', () => {
    const {look, set} = world();
    const use = new ServerUse(look);
    set.set(10, {userSeconds: 1}).set(11, {userSeconds: 2});
    expect(use.read([10, 11])?.userSeconds).toBe(3);
    set.delete(11);
    expect(use.read([10])?.userSeconds).toBe(3);
    set.set(10, {userSeconds: 1.5});
    expect(use.read([10])?.userSeconds).toBe(3.5);
  });

  test('is not counted twice when a parent has waited for its child', () => {
    const {look, set} = world();
    const use = new ServerUse(look);
    set.set(10, {userSeconds: 1}).set(11, {userSeconds: 2, parent: 10, voluntarySwitches: 7});
    use.read([10, 11]);
    set.delete(11);
    set.set(10, {userSeconds: 3});
    // Context switches of children are not added to those of their parents.
    expect(use.read([10])).toMatchObject({userSeconds: 3, voluntarySwitches: 7});
  });

  test('does not take one process for another that got its number', () => {
    const {look, set} = world();
    const use = new ServerUse(look);
    set.set(10, {userSeconds: 5, start: '1'});
    use.read([10]);
    set.set(10, {userSeconds: 1, start: '2'});
    expect(use.read([10])?.userSeconds).toBe(6);
    set.clear();
    expect(use.read([10])).toBeUndefined();
  });
});

test('the processes of a server are those that it started, by the word of /proc', async () => {
  const child = spawn('/bin/sh', ['-c', 'sleep 60 & exec sleep 60'], {stdio: 'ignore'});
  await once(child, 'spawn');
  const children = () => {
    const text = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'latin1').trim();
    return text.split(' ').filter(Boolean).map(Number);
  };
  try {
    // While a program is loaded its descriptors come and go: until it sleeps.
    const sleeps = () => /^\d+ \(sleep\) S /.test(readFileSync(`/proc/${child.pid}/stat`, 'latin1'));
    while (children().length === 0 || !sleeps()) await new Promise((resolve) => setTimeout(resolve, 5));
    const byParent = new Map([[child.pid!, children()]]);
    const looks = {users: () => new Map(), children: () => byParent};
    expect(serverProcesses(child.pid!, looks)).toEqual([child.pid, ...children()]);
    const openFiles = readdirSync(`/proc/${child.pid}/fd`).length;
    expect(numbersOf(child.pid!)).toMatchObject({parent: process.pid, threads: 1, openFiles});
  } finally {
    for (const pid of [...children(), child.pid!]) process.kill(pid, 'SIGKILL');
    await once(child, 'exit');
  }
});
