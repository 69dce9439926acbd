import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {serverMessages} from '../../../src/control/schemas.js';
import {Answers} from '../../../src/server/answers.js';
import {OrderBox, OrderInbox, type ThreadOrder} from '../../../src/server/order-box.js';
import {COUNTERS_SIZE, SharedCounters} from '../../../src/server/shared-counters.js';

const MIB = 2 ** 20;

describe('what a manager is answered', () => {
  let box: OrderBox;
  let counters: SharedCounters;
  let answers: Answers;
  let orders: ThreadOrder[];

  beforeEach(() => {
    box = new OrderBox();
    orders = [];
    const inbox = new OrderInbox(box.end, (order) => void orders.push(order));
    box.wake = () => inbox.look();
    counters = new SharedCounters(new ArrayBuffer(COUNTERS_SIZE));
    counters.setClock();
    counters.caches.block.capacityBytes = MIB;
    answers = new Answers({
      probe: {type: 'ext4', target: 'directory'},
      startedAt: '2026-01-02T03:04:05.006Z',
      counters,
      orders: box,
      // Not a mounted device: notifications fail, which nobody must notice.
      fuseFd: 2 ** 20,
      largestCache: 4 * MIB,
    });
  });
  afterEach(() => box.end.port.close());

  test('the hello has the limit of this moment', () => {
    expect(answers.hello().cacheBytes).toBe(MIB);
    counters.caches.block.capacityBytes = 2 * MIB;
    expect(answers.hello().cacheBytes).toBe(2 * MIB);
    expect(serverMessages.hello(answers.hello())).toBe(true);
  });

  test('what a kernel asks that reads by itself is told once it has asked', async () => {
    expect(await answers.answer({do: 'stats'})).not.toHaveProperty('iomap');
    counters.iomap.beginRead += 3;
    counters.iomap.upserts++;
    const told = await answers.answer({do: 'stats'});
    expect(told).toMatchObject({iomap: {beginRead: 3, upserts: 1, retries: 0}});
    expect(serverMessages.answer('stats', told)).toBe(true);
    expect(counters.state()).toMatchObject({frozen: false, shutDown: false});
  });

  test('the age of the oldest request, without asking the thread that serves it', async () => {
    counters.requests.serving(2, performance.now() - 5_000, 3);
    const state = await answers.answer({do: 'ping'});
    expect(state).toMatchObject({queueDepth: 2, held: 3});
    expect((state as {oldestMs: number}).oldestMs).toBeGreaterThanOrEqual(5_000);
    expect((state as {oldestMs: number}).oldestMs).toBeLessThan(60_000);
    counters.requests.serving(0, performance.now() - 5_000, 0);
    expect(await answers.answer({do: 'ping'})).toMatchObject({queueDepth: 0, oldestMs: 0});
    expect(orders).toEqual([]);
  });

  test('orders go to that thread, and every answer is what the client checks', async () => {
    for (const order of ['drop', 'freeze', 'thaw', 'sync', 'shutdown', 'stats', 'caches', 'ping'] as const) {
      const answer = await answers.answer({do: order});
      expect([order, serverMessages.answer(order, answer)]).toEqual([order, true]);
    }
    await answers.answer({do: 'limit', bytes: 4 * MIB});
    const names = ['drop', 'freeze', 'thaw', 'sync', 'shutdown'] as const;
    expect(orders).toEqual([...names.map((name) => ({do: name})), {do: 'limit', bytes: 4 * MIB}]);
  });

  test('a limit that is too large, or of nothing, is refused before it is sent', async () => {
    const tooLarge = {errno: 'EINVAL', code: 'limit-too-large'};
    await expect(answers.answer({do: 'limit', bytes: 4 * MIB + 1})).rejects.toMatchObject(tooLarge);
    counters.caches.block.capacityBytes = 0;
    const none = {errno: 'EOPNOTSUPP', code: 'no-cache'};
    await expect(answers.answer({do: 'limit', bytes: 0})).rejects.toMatchObject(none);
    expect(orders).toEqual([]);
  });

  test('a thread that is busy is told of as such', async () => {
    box.wake = () => {};
    await expect(answers.answer({do: 'drop'})).rejects.toMatchObject({
      errno: 'ETIMEDOUT',
      code: 'server-busy',
    });
    expect(await answers.answer({do: 'ping'})).toMatchObject({queueDepth: 0});
  });
});
