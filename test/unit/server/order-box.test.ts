import {afterEach, describe, expect, test} from 'vitest';
import {
  type FileSystem,
  failure,
  OPCODE,
  type OpcodeName,
  type RequestSlot,
  type Session,
} from '../../../src/fuse/index.js';
import type {ServedFileSystem} from '../../../src/server/driver.js';
import {OrderBox, OrderInbox, type ThreadOrder} from '../../../src/server/order-box.js';
import {RequestGate} from '../../../src/server/request-gate.js';
import {COUNTERS_SIZE, SharedCounters} from '../../../src/server/shared-counters.js';
import {Harness, request, rows} from '../fuse/support.js';

const EIO = 5;
const LATE_MS = 2_000;
const boxes: OrderBox[] = [];

function makeBox(): OrderBox {
  const box = new OrderBox();
  boxes.push(box);
  return box;
}

afterEach(() => {
  for (const {end} of boxes.splice(0)) end.port.close();
});

describe('orders to a thread without an event loop', () => {
  test('wait until it looks, come in order and are answered one by one', async () => {
    const box = makeBox();
    const done: ThreadOrder[] = [];
    const inbox = new OrderInbox(box.end, (order) => void done.push(order));
    inbox.look();
    const sent = [box.send({do: 'drop'}, LATE_MS), box.send({do: 'limit', bytes: 7}, LATE_MS)];
    expect(done).toEqual([]);
    inbox.look();
    expect(done).toEqual([{do: 'drop'}, {do: 'limit', bytes: 7}]);
    await Promise.all(sent);
    inbox.look();
    expect(done.length).toBe(2);
  });

  test('that fail tell the errno, and the next one is carried out', async () => {
    const box = makeBox();
    const inbox = new OrderInbox(box.end, ({do: what}) => {
      if (what === 'sync') throw failure('ENOSPC');
      if (what === 'drop') throw new TypeError('a defect');
    });
    const results = Promise.allSettled(
      (['sync', 'drop', 'thaw'] as const).map((what) => box.send({do: what}, LATE_MS)),
    );
    inbox.look();
    const [sync, drop, thaw] = await results;
    expect(sync).toMatchObject({status: 'rejected', reason: {errno: 'ENOSPC'}});
    expect(drop).toMatchObject({status: 'rejected', reason: {errno: 'EIO', message: 'a defect'}});
    expect(thaw?.status).toBe('fulfilled');
  });

  test('give up waiting, wake the thread again and again meanwhile, and are still carried out', async () => {
    const box = makeBox();
    let woken = 0;
    box.wake = () => woken++;
    const done: string[] = [];
    const inbox = new OrderInbox(box.end, ({do: what}) => void done.push(what));
    await expect(box.send({do: 'drop'}, 100)).rejects.toMatchObject({
      errno: 'ETIMEDOUT',
      code: 'server-busy',
    });
    expect(woken).toBeGreaterThan(1);
    const thaw = box.send({do: 'thaw'}, LATE_MS);
    inbox.look();
    await thaw;
    expect(done).toEqual(['drop', 'thaw']);
  });
});

/** A session behind a gate, with orders that are carried out at once. */
function gated(fileSystem: ServedFileSystem) {
  const box = makeBox();
  const counters = new SharedCounters(new ArrayBuffer(COUNTERS_SIZE));
  counters.setClock();
  const gate = new RequestGate(box.end, fileSystem, counters);
  const harness = new Harness(
    fileSystem as FileSystem,
    {maxConcurrent: 1},
    {
      counters: counters.requests,
      intercept: (slot: RequestSlot) => gate.intercept(slot),
      beforeWait: gate.lookForOrders,
    },
  );
  gate.session = harness.session as Session;
  const order = async (what: ThreadOrder): Promise<void> => {
    const done = box.send(what, LATE_MS);
    harness.session.hooks.beforeWait?.();
    await done;
  };
  const errnoOf = (name: OpcodeName) => harness.errnoOf(request(name, new Uint8Array(128)));
  return {box, counters, harness, order, errnoOf};
}

describe('the gate before a file system', () => {
  test('holds what modifies from freeze to thaw, after everything was made durable', async () => {
    const happened: string[] = [];
    const {counters, harness, order, errnoOf} = gated({
      sync: () => void happened.push('sync'),
      unlink: () => void happened.push('unlink'),
      statfs: () => void happened.push('statfs'),
    });
    await order({do: 'freeze'});
    harness.replies.length = 0;
    harness.send(request('UNLINK', rows('6100')));
    expect(errnoOf('STATFS')).toBe(0);
    expect(happened).toEqual(['sync', 'statfs']);
    expect(counters.state()).toEqual({queueDepth: 0, oldestMs: 0, held: 1, frozen: true, shutDown: false});
    harness.replies.length = 0;
    await order({do: 'thaw'});
    expect(happened).toEqual(['sync', 'statfs', 'unlink']);
    expect(harness.replies.length).toBe(1);
    expect(counters.state()).toMatchObject({held: 0, frozen: false});
  });

  test('does not freeze what could not be made durable', async () => {
    const {counters, order, errnoOf} = gated({
      sync: () => {
        throw failure('ENOSPC');
      },
      unlink: () => {},
    });
    await expect(order({do: 'freeze'})).rejects.toMatchObject({errno: 'ENOSPC'});
    expect(counters.state().frozen).toBe(false);
    expect(errnoOf('STATFS')).toBe(0);
  });

  test('answers everything with EIO once shut down, what it held too, and for good', async () => {
    let calls = 0;
    const {counters, harness, order, errnoOf} = gated({
      unlink: () => void calls++,
      statfs: () => void calls++,
      read: () => ++calls,
      forget: () => void calls++,
    });
    await order({do: 'freeze'});
    harness.replies.length = 0;
    harness.send(request('UNLINK', rows('6100')));
    await order({do: 'shutdown'});
    expect(harness.replies.map((reply) => new DataView(reply.buffer).getInt32(4, true))).toEqual([-EIO]);
    for (const name of ['STATFS', 'READ', 'GETATTR', 'UNLINK'] as const) expect(errnoOf(name)).toBe(EIO);
    await order({do: 'thaw'});
    expect(errnoOf('STATFS')).toBe(EIO);
    expect(calls).toBe(0);
    harness.send(request('FORGET', new Uint8Array(8)));
    expect(calls).toBe(1);
    expect(counters.state()).toMatchObject({shutDown: true, frozen: false, held: 0});
  });

  test('passes on what concerns caches, and does without where there are none', async () => {
    const told: unknown[] = [];
    const {order} = gated({
      dropCaches: () => void told.push('drop'),
      limitCache: (bytes) => void told.push(bytes),
    });
    await order({do: 'drop'});
    await order({do: 'limit', bytes: 4096});
    expect(told).toEqual(['drop', 4096]);
    const plain = gated({});
    for (const what of ['drop', 'sync'] as const) await plain.order({do: what});
  });

  test('sees an order with the next request when nobody woke it', async () => {
    const {box, errnoOf} = gated({});
    const done = box.send({do: 'shutdown'}, LATE_MS);
    expect(errnoOf('STATFS')).toBe(EIO);
    await done;
  });
});

test('opcodes without a row are counted and told apart from the others', () => {
  const counters = new SharedCounters(new ArrayBuffer(COUNTERS_SIZE));
  counters.requests.record(OPCODE.LOOKUP, 0, 10, 1, 2);
  counters.requests.record(OPCODE.CUSE_INIT, 38, 10, 1, 2);
  expect(Object.keys(counters.stats().operations)).toEqual(['OTHER', 'LOOKUP']);
  expect(counters.stats().operations['OTHER']?.errorsByErrno).toEqual({ENOSYS: 1});
});

test('the fullest answer that there can be fits a frame', async () => {
  const {encodeFrame} = await import('../../../src/control/frame.js');
  const {serverMessages} = await import('../../../src/control/schemas.js');
  const counters = new SharedCounters(new ArrayBuffer(COUNTERS_SIZE));
  for (const opcode of [0, ...Object.values(OPCODE)]) {
    for (let errno = 1; errno < 140; errno++) {
      counters.requests.record(opcode, errno, 10 ** (errno % 12), 2 ** 40, 2 ** 40);
    }
  }
  const stats = counters.stats();
  expect(Object.keys(stats.operations['READ']!.errorsByErrno)).toContain('other');
  const sum = Object.values(stats.operations['READ']!.errorsByErrno).reduce((a, b) => a + b);
  expect(sum).toBe(stats.operations['READ']!.errors);
  expect(encodeFrame({id: 2 ** 31 - 1, ok: stats}).length).toBeLessThan(64 * 1024);
  expect(serverMessages.answer('stats', stats)).toBe(true);
});

test('caches that a driver does not have are not told of', () => {
  const counters = new SharedCounters(new ArrayBuffer(COUNTERS_SIZE));
  expect(counters.cacheNumbers()).toEqual({});
  Object.assign(counters.caches.inode, {
    hits: 1,
    missesInvalidated: 2,
    dropped: 3,
    entries: 4,
    bytes: 5,
    capacityBytes: 6,
  });
  expect(counters.cacheNumbers()).toEqual({
    inode: {
      capacityBytes: 6,
      bytes: 5,
      entries: 4,
      dirty: 0,
      hits: 1,
      misses: {cold: 0, evicted: 0, invalidated: 2, bypassed: 0},
      evictions: {capacity: 0, dropped: 3},
    },
  });
});
