import {spawn} from 'node:child_process';
import {mkdtempSync, rmdirSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {run} from '../../test/support/mounts.js';
import {unmount} from '../machine/unmount.js';
import {processesOf} from '../machine/usage.js';
import {compiled} from '../native/compile.js';
import {type Contender, served} from './contender.js';
import {kernel} from './kernel.js';

/** A server in C that does nothing but answer (`native/floor.c`). */
export const floor: Contender = {
  name: 'C that only answers',
  version: 'one thread, read(2) and writev(2)',
  questionsOnly: true,
  mount: (image, target) => {
    const program = compiled('floor');
    const source = mkdtempSync(join(tmpdir(), 'fuseward-bench-source-'));
    const below = kernel.mount(image, source);
    try {
      spawn(program, [target, join(source, 'tree/d0/f0')], {stdio: 'ignore', detached: true}).unref();
      waitForMount(target);
    } finally {
      below.unmount();
      rmdirSync(source);
    }
    return served(
      target,
      () => processesOf(program.split('/').pop()!, target),
      () => unmount(target),
    );
  },
};

function waitForMount(target: string): void {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  for (let tries = 0; tries < 1000; tries++) {
    try {
      run('mountpoint', ['-q', target]);
      return;
    } catch {
      Atomics.wait(cell, 0, 0, 5);
    }
  }
  throw new Error(`nothing is mounted at ${target}`);
}
