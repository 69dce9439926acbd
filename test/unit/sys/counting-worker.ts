import {workerData} from 'node:worker_threads';
import {mapShared} from '../../../src/sys/memfd.js';

// A thread of the memfd test: adds to a counter in memory that the other thread also adds to.
const {fd, rounds} = workerData as {fd: number; rounds: number};
const counters = new BigInt64Array(mapShared(fd, 4096, {sealedSize: true}));
for (let i = 0; i < rounds; i++) Atomics.add(counters, 1, 1n);
Atomics.store(counters, 0, -1n);
