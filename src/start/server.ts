/**
 * The first file of a contained server, in both of its threads. A thread takes Node as long to start as everything that the main thread loads
 * meanwhile, so it is started before anything is read. Each thread has code of its own; the request thread's is in two parts, both of which are read before the first gives up
 * the right to (`server/thread-first.ts`).
 */
import {isMainThread} from 'node:worker_threads';
import type {runMainThread} from '../server/main-thread.js';
import type {runRequestThread} from '../server/request-thread.js';
import {startThread} from '../server/start-thread.js';
import type {beginThread} from '../server/thread-first.js';
import {forgetHeapFlags} from './heap-flags.js';
import {loadCode, readCode, runCode} from './load-code.js';

declare const module: NodeJS.Module;

const stem = __filename.replace(/\.js$/, '');
if (isMainThread) {
  forgetHeapFlags();
  const thread = startThread(__filename);
  const main = loadCode(`${stem}.main`, module) as {runMainThread: typeof runMainThread};
  main.runMainThread(thread);
} else {
  const rest = readCode(`${stem}.thread`);
  const first = loadCode(`${stem}.first`, module) as {beginThread: typeof beginThread; shared(): unknown};
  first.beginThread((beginning) => {
    const thread = runCode(rest, module, first.shared()) as {runRequestThread: typeof runRequestThread};
    thread.runRequestThread(beginning);
  });
}
