import {spawnSync} from 'node:child_process';
import {expect, test} from 'vitest';
import {EARLY, hasBudgets} from '../../../src/server/early-optimization.js';

const other = hasBudgets() ? undefined : `V8 ${process.versions.v8} counts calls`;

test.skipIf(other)(`V8 knows these flags${other ? ` (skipped: ${other})` : ''}`, () => {
  const {status, stderr} = spawnSync(process.execPath, [...EARLY, '-e', ''], {encoding: 'utf8', env: {}});
  expect({status, stderr}).toEqual({status: 0, stderr: ''});
});

test.each([
  ['11.3.244.8-node.35', true],
  ['12.4.254.21-node.33', false],
  ['13.6.233.10-node.28', false],
])('V8 %s has budgets: %s', (version, has) => {
  expect(hasBudgets(version)).toBe(has);
});

test('setting them writes nothing, whatever the version', () => {
  const program = "import {optimizeEarly} from './dist/server/early-optimization.js'; optimizeEarly();";
  const words = ['--input-type=module', '-e', program];
  const {status, stderr} = spawnSync(process.execPath, words, {encoding: 'utf8', env: {}});
  expect({status, stderr}).toEqual({status: 0, stderr: ''});
});
