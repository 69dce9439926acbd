import {readlinkSync} from 'node:fs';
import {isCloseOnExec} from '../../../src/sys/fd.js';
import {listenFds} from '../../../src/sys/systemd.js';

// A service of the systemd test: says what it was handed.
const {fds, names} = listenFds(process.env, process.pid);
const targets = fds.map((fd) => readlinkSync(`/proc/self/fd/${fd}`));
const closeOnExec = fds.map((fd) => isCloseOnExec(fd));
const left = Object.keys(process.env).filter((name) => name.startsWith('LISTEN_'));
console.log(JSON.stringify({fds, names, targets, closeOnExec, left}));
