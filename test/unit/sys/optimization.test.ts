import {spawnSync} from 'node:child_process';
import {expect, test} from 'vitest';
import {earlyFlags} from '../../../src/sys/optimization.js';

test('this V8 knows the flags, and says nothing', () => {
  const words = ['--no-opt', '--opt', ...earlyFlags(), '-e', ''];
  const {status, stderr} = spawnSync(process.execPath, words, {encoding: 'utf8', env: {}});
  expect({status, stderr}).toEqual({status: 0, stderr: ''});
});

test('one that it does not know would be told, so that this test can fail', () => {
  const {stderr} = spawnSync(process.execPath, ['--interrupt-budgets=1', '-e', ''], {
    encoding: 'utf8',
    env: {},
  });
  expect(stderr).toContain('--interrupt-budgets');
});

test.each([
  ['11.3.244.8-node.35', '--interrupt-budget=10000'],
  ['12.4.254.21-node.33', '--invocation-count-for-maglev=100'],
  ['13.6.233.10-node.28', '--invocation-count-for-maglev=100'],
])('V8 %s gets %s', (version, flag) => {
  expect(earlyFlags(version)).toContain(flag);
});

test('setting them writes nothing', () => {
  const program = `
    import {optimizeEarly, postponeOptimization, resumeOptimization} from './dist/sys/optimization.js';
    for (const each of [optimizeEarly, postponeOptimization, resumeOptimization]) each();
  `;
  const words = ['--input-type=module', '-e', program];
  const {status, stderr} = spawnSync(process.execPath, words, {encoding: 'utf8', env: {}});
  expect({status, stderr}).toEqual({status: 0, stderr: ''});
});
