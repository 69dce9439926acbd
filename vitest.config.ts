import {defineConfig} from 'vitest/config';

/**
 * Integration tests that can't disturb others: what they mount is mounted by the kernel, or in a system of their own, and they
 * start no server under the user ids that this machine's mounts share.
 */
const BESIDE = [
  'cli-completion',
  'cli-help',
  'cli-manager',
  'cli-top',
  'ext4-bombs',
  'ext4-checksums',
  'ext4-damage',
  'ext4-images',
  'ext4-mapping',
  'ext4-mutation',
  'ext4-volume',
  'iomap-kernel',
  'iomap-million',
  'packaging-debian',
].map((name) => `test/integration/${name}.test.ts`);

/** Only what hangs is to be ended: on a machine that has more to do, a test of half a minute takes several. */
const shared = {fileParallelism: false, testTimeout: 180_000, hookTimeout: 300_000};

/** Unit tests that call the machine's kernel most of the time, each file in a process of its own. The others can share one, which saves half of their time. */
const ALONE = ['test/unit/ext4/**/*.test.ts', 'test/unit/sys/**/*.test.ts'];

/**
 * Two lanes: `mounts`, and `beside` with `unit`. In each, files run one after another; `npm test` runs the lanes at the same time.
 * Tests that mount by fuseward share the machine's table of mounts, its user ids for servers and /run/fuseward, so they are in one.
 */
export default defineConfig({
  test: {
    ...shared,
    projects: [
      {test: {...shared, name: 'mounts', include: ['test/integration/**/*.test.ts'], exclude: BESIDE}},
      {test: {...shared, name: 'beside', include: [...BESIDE, ...ALONE]}},
      {test: {...shared, name: 'unit', include: ['test/unit/**/*.test.ts'], exclude: ALONE, isolate: false}},
    ],
  },
});
