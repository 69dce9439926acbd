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

/** A server in C that does nothing but answer (`native/floor.c`). @param words more of its arguments */
function answering(name: string, version: string, words: readonly string[]): Contender {
  return {
    name,
    version,
    questionsOnly: true,
    mount: (image, target) => {
      const program = compiled('floor');
      const source = mkdtempSync(join(tmpdir(), 'fuseward-bench-source-'));
      const below = kernel.mount(image, source);
      try {
        const known = join(source, 'tree/d0/f0');
        spawn(program, [target, known, ...words], {stdio: 'ignore', detached: true}).unref();
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
}

export const floor = answering('C that only answers', 'one thread, read(2) and writev(2)', []);
/** The same with busy polling as fuseward's. */
export const lookingFloor = answering(
  'C that answers and looks',
  'the same, poll(2) for 50 µs before read(2)',
  ['50'],
);

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
