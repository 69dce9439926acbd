import {openSync} from 'node:fs';
import {RingTransport, runBlocking, Session} from '../../src/fuse/index.js';
import {chooseDriver} from '../../src/server/drivers.js';
import {Placement} from '../../src/server/placement.js';
import {COUNTERS_SIZE, SharedCounters} from '../../src/server/shared-counters.js';
import {sourceOf} from '../../src/server/source-of.js';
import {O_RDWR, openFd} from '../../src/sys/fd.js';
import {MS_NODEV, MS_NOSUID, MS_RDONLY, mountAt} from '../../src/sys/mount.js';
import {optimizeEarly} from '../../src/sys/optimization.js';

/**
 * Our ext4 server as one thread without its sandbox, `server IMAGE TARGET [QUEUES]`, for perf(1) to look into: same driver, same session
 * options. With a number of queues requests come by io_uring. Ends with the mount.
 */
const FOREVER_SECONDS = 31_536_000;
/** What servers have unless policy says otherwise. */
const CACHE_BYTES = 16 << 20;

const [image = '', target = '', queues] = process.argv.slice(2);
const fd = openSync(image, 'r');
optimizeEarly();
const source = sourceOf(fd);
const counters = new SharedCounters(new ArrayBuffer(COUNTERS_SIZE));
const fileSystem = chooseDriver('ext4', source).driver.open(source, {
  members: new Map(),
  options: new Map(),
  cacheBytes: CACHE_BYTES,
  cacheCounters: counters.caches,
  log: (values, message) => console.error(message, values),
});
const device = openFd('/dev/fuse', O_RDWR);
const data = `fd=${device.fd},rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other`;
mountAt('profile', target, 'fuse.profile', MS_NOSUID | MS_NODEV | MS_RDONLY, data);
console.log('mounted');
const ring = queues === undefined ? undefined : new RingTransport(device.fd, {queues: Number(queues)});
const session = new Session(
  fileSystem,
  {
    init: {
      want: ['POSIX_ACL', 'EXPORT_SUPPORT', ...(ring === undefined ? [] : (['OVER_IO_URING'] as const))],
      refuse: ['READDIRPLUS_AUTO'],
    },
    entryTimeout: FOREVER_SECONDS,
    attrTimeout: FOREVER_SECONDS,
    maxConcurrent: 1,
  },
  {counters: counters.requests, onError: (error, {name}) => console.error(name, error)},
);
if (ring === undefined) runBlocking(device.fd, session);
else {
  const placement = new Placement();
  ring.run(session, {
    onQueue: (queue) => placement.note(queue),
    onTransport: (used, reason) => console.error(used ? 'by io_uring' : `not by io_uring: ${reason}`),
  });
}
