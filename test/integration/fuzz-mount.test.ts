import {spawn} from 'node:child_process';
import {accessSync, constants, rmSync} from 'node:fs';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import type {MountFuzzResult} from '../fuzz/mount/run.js';
import {bundle} from '../support/bundle.mjs';
import {cannotContain} from '../support/contained-mount.js';
import {LONG} from '../support/forms.js';
import {cannotMount, skipped} from '../support/oracle.js';

/**
 * Damaged images through real mounts, in the number that a test run can take. The short form takes them from where the crafted kinds of
 * damage come to their end, each of which ext4-damage.test.ts gives to the driver alone, and goes on with those at random.
 * `npm run fuzz:mount` goes on for as long as one likes.
 */
const FIRST = LONG ? 0 : 100;
const IMAGES = LONG ? 500 : 80;
const SEED = 20_261_123;

function cannotReadKernelLog(): string | undefined {
  try {
    accessSync('/dev/kmsg', constants.R_OK);
    return undefined;
  } catch {
    return 'the kernel log can not be read';
  }
}

const reason = cannotMount() ?? cannotContain() ?? cannotReadKernelLog();

describe.skipIf(reason !== undefined)(`damaged images, mounted${skipped(reason)}`, () => {
  let result: MountFuzzResult;
  let said = '';
  beforeAll(async () => {
    // In a process of its own: threads and system calls that wait have no place in the test runner.
    const program = await bundle('test/fuzz/mount/main.ts');
    try {
      const range = ['--first', `${FIRST}`, '--images', `${IMAGES}`];
      const args = [program, ...range, '--seed', `${SEED}`, '--json'];
      const child = spawn(process.execPath, args, {stdio: ['ignore', 'pipe', 'inherit']});
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
      await new Promise((resolve) => child.once('close', resolve));
    } finally {
      rmSync(program, {force: true});
    }
    result = JSON.parse(said) as MountFuzzResult;
  }, 900_000);
  afterAll(() => {
    if (said === '') throw new Error('the fuzzing said nothing');
  });

  test(`${IMAGES} images: no crash, no operation of more than 5 s, a clean kernel log, nothing left behind`, () => {
    expect(result.findings).toEqual([]);
    expect(result.images).toBe(IMAGES);
  });

  test('most images are mounted, and damage is met in them and at mount time', () => {
    expect(result.mounted).toBeGreaterThan(IMAGES / 3);
    expect(result.refused).toBeGreaterThan(IMAGES / 20);
    expect(Object.keys(result.refusals).length).toBeGreaterThan(10);
    expect(result.operations).toBeGreaterThan(100 * IMAGES);
    expect(result.codes['EUCLEAN']).toBeGreaterThan(IMAGES / 5);
    expect(result.codes['EBADMSG']).toBeGreaterThan(0);
  });

  test('no server comes near its limit of memory', () => {
    expect(result.mostMemory).toBeGreaterThan(0);
    expect(result.mostMemory).toBeLessThan(result.memoryLimit / 4);
  });

  test('a healthy mount gives the same answers all along', () => {
    expect(result.sentinel.findings).toEqual([]);
    expect(result.sentinel.rounds).toBeGreaterThan(20);
    expect(result.sentinel.slowestMs).toBeLessThan(5_000);
  });
});
