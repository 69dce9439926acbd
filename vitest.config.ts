import {defineConfig} from 'vitest/config';

// Integration tests mount for real and share the machine's loop devices, so files run one after another.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
