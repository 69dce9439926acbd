import {spawnSync} from 'node:child_process';
import {afterEach, expect, test, vi} from 'vitest';
import {RequestTracer} from '../../../../src/manager/tracing/request-tracer.js';
import {Tracefs} from '../../../../src/manager/tracing/tracefs.js';

const mounted =
  '{ mountpoint -q /sys/kernel/tracing || mount -t tracefs none /sys/kernel/tracing; } && cd /sys/kernel/tracing && ';
const events = spawnSync('unshare', ['--mount', 'sh', '-c', `${mounted}ls events/fuse`], {encoding: 'utf8'});
const missing = events.status === 0 ? undefined : 'the kernel has no trace events of FUSE, or not root';
/** Nobody's. */
const CONNECTION = 4_000_000_001;

afterEach(() => void vi.restoreAllMocks());

test.skipIf(missing)(
  `a failure of tracing is forgotten after a while${missing ? ` (skipped: ${missing})` : ''}`,
  async () => {
    let now = 1000;
    const log = {info: vi.fn()};
    const clock = {monotonic: () => now};
    const opening = vi.spyOn(Tracefs, 'open').mockImplementation(() => {
      throw new Error('no memory');
    });
    const tracer = new RequestTracer({clock, log} as unknown as ConstructorParameters<
      typeof RequestTracer
    >[0]);
    try {
      await tracer.want(CONNECTION, 10_000);
      expect(tracer.unsupported).toBe('no memory');
      opening.mockRestore();
      now += 30_000;
      await tracer.want(CONNECTION, 10_000);
      expect([tracer.unsupported, tracer.traces(CONNECTION)]).toEqual(['no memory', false]);
      now += 31_000;
      await tracer.want(CONNECTION, 10_000);
      expect([tracer.unsupported, tracer.traces(CONNECTION)]).toEqual([undefined, true]);
      // Nothing of the machine's requests is counted as this connection's.
      expect(tracer.numbersOf(CONNECTION)).toMatchObject({operations: {}, pending: 0});
      tracer.forget(CONNECTION);
    } finally {
      await tracer.close();
    }
    const left = spawnSync('unshare', ['--mount', 'sh', '-c', `${mounted}ls instances`], {encoding: 'utf8'});
    expect(left.stdout).not.toContain(`fuseward-${process.pid}-`);
  },
);
