import {execFileSync} from 'node:child_process';
import {closeSync, fstatSync, openSync, readSync, statSync} from 'node:fs';
import {Random} from '../test/support/random.js';

/**
 * One measurement in a process of its own: `client OPERATION ROOT COUNT SMALL`. Prints nanoseconds and a sum that
 * has to be the same for all contenders. Its own start is not measured; its own cost is the same for everybody.
 */
const [operation = '', root = '', files = '0', small = '0'] = process.argv.slice(2);
const FILES_A_DIRECTORY = 100;
const pathOf = (i: number): string => `${root}/tree/d${Math.floor(i / FILES_A_DIRECTORY)}/f${i}`;

const operations: Record<string, () => number> = {
  /** Names and attributes of everything, by find(1). */
  walk: () => {
    const list = execFileSync('find', [root, '-printf', '%s %T@ %P\n'], {maxBuffer: 1 << 28});
    return list.reduce((sum, byte) => (sum + (byte === 10 ? 1 : 0)) | 0, 0);
  },
  /** Node asks by statx(2), and for the birth time, too. */
  stat: () => {
    let sum = 0;
    for (let i = 0; i < Number(files); i++) sum += statSync(pathOf(i)).size;
    return sum;
  },
  'read-small': () => {
    const buffer = Buffer.alloc(64 * 1024);
    let sum = 0;
    for (let i = 0; i < Number(small); i++) {
      const fd = openSync(pathOf(i), 'r');
      sum = (sum + readSync(fd, buffer, 0, buffer.length, 0) + buffer[0]!) | 0;
      closeSync(fd);
    }
    return sum;
  },
  sequential: () => {
    const buffer = Buffer.alloc(1 << 20);
    const fd = openSync(`${root}/sequential`, 'r');
    let sum = 0;
    for (;;) {
      const count = readSync(fd, buffer, 0, buffer.length, null);
      if (count === 0) break;
      sum = (sum + count + buffer[count - 1]!) | 0;
    }
    closeSync(fd);
    return sum;
  },
  random: () => {
    const random = new Random(4711);
    const buffer = Buffer.alloc(4096);
    const fd = openSync(`${root}/scattered`, 'r');
    const blocks = Math.floor(fstatSync(fd).size / 4096);
    let sum = 0;
    for (let i = 0; i < Number(small); i++) {
      sum = (sum + readSync(fd, buffer, 0, 4096, random.below(blocks) * 4096) + buffer[7]!) | 0;
    }
    closeSync(fd);
    return sum;
  },
};

const run = operations[operation];
if (run === undefined) throw new Error(`no operation ${operation}`);
const start = process.hrtime.bigint();
const sum = run();
const elapsed = process.hrtime.bigint() - start;
process.stdout.write(`${elapsed} ${sum}\n`);
