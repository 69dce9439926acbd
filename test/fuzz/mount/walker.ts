import {parentPort, workerData} from 'node:worker_threads';
import {Random} from '../../support/random.js';
import {Progress} from './progress.js';
import {walk} from './walk.js';

/** The thread that walks mounts: it may hang in a system call, so another one watches it. */
export interface WalkRequest {
  root: string;
  seed: number;
}

const progress = new Progress(workerData as SharedArrayBuffer);

parentPort!.on('message', ({root, seed}: WalkRequest) => {
  parentPort!.postMessage(walk(root, new Random(seed), progress));
});
