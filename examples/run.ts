/**
 * Runs an example: `node run.js EXAMPLE DIRECTORY` opens /dev/fuse, mounts it on the directory and serves it from this thread until
 * `umount DIRECTORY`. Needs root. A server of fuseward gets the mounted descriptor from the mount helper instead.
 */
import {stat} from 'node:fs/promises';
import {runBlocking, Session} from '../src/fuse/index.js';
import {O_RDWR, openFd} from '../src/sys/fd.js';
import {MS_NODEV, MS_NOSUID, mountAt} from '../src/sys/mount.js';
import {HelloFs} from './hello-fs.js';
import {memoryFs} from './memory-fs.js';

const EXAMPLES = {'hello-fs': () => new HelloFs(), 'memory-fs': memoryFs};

const [name = '', target = ''] = process.argv.slice(2);
const example = Object.entries(EXAMPLES).find(([known]) => known === name)?.[1];
if (example === undefined || !(await stat(target)).isDirectory()) {
  throw new Error(`usage: run.js ${Object.keys(EXAMPLES).join('|')} DIRECTORY`);
}

const device = openFd('/dev/fuse', O_RDWR);
// With default_permissions the kernel checks permissions itself, by the modes that getattr shows.
const data = `fd=${device.fd},rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other`;
mountAt(name, target, `fuse.${name}`, MS_NOSUID | MS_NODEV, data);
console.log(`mounted on ${target}`);
const onError = (error: unknown): void => console.error(error);
console.log(runBlocking(device.fd, new Session(example(), {}, {onError})));
device.close();
