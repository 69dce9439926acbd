import {parentPort, workerData} from 'node:worker_threads';
import {O_RDONLY, openFd, statFd} from '../../../src/sys/fd.js';
import {attachLoop, loopStatus} from '../../../src/sys/loop.js';

// A thread of the loop race test: attaches and lets go, and says how often the device was not its own.
const {path, rounds} = workerData as {path: string; rounds: number};
const backing = openFd(path, O_RDONLY);
const {ino} = statFd(backing.fd);
let attached = 0;
let wrong = 0;
for (let i = 0; i < rounds; i++) {
  const fileName = `${process.pid} ${Math.random()}`;
  const {device} = attachLoop(backing.fd, {readOnly: true, directIo: false, autoclear: true, fileName});
  attached++;
  const status = loopStatus(device.fd);
  if (status.fileName !== fileName || status.inode !== ino) wrong++;
  device.close();
}
backing.close();
parentPort?.postMessage({attached, wrong});
