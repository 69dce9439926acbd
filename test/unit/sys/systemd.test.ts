import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {test} from 'vitest';
import {listenFds} from '../../../src/sys/systemd.js';
import {bundled} from './bundle.js';

const refused: Array<[what: string, env: Record<string, string>]> = [
  ['no variables', {}],
  ['another process', {LISTEN_PID: '1', LISTEN_FDS: '1'}],
  ['no process', {LISTEN_FDS: '1'}],
  ['a process with a sign', {LISTEN_PID: `+${process.pid}`, LISTEN_FDS: '1'}],
  ['a process in hexadecimal', {LISTEN_PID: `0x${process.pid.toString(16)}`, LISTEN_FDS: '1'}],
  ['no count', {LISTEN_PID: String(process.pid)}],
  ['a count of nothing', {LISTEN_PID: String(process.pid), LISTEN_FDS: '0'}],
  ['a negative count', {LISTEN_PID: String(process.pid), LISTEN_FDS: '-1'}],
  ['an endless count', {LISTEN_PID: String(process.pid), LISTEN_FDS: '4294967295'}],
  ['more than there are', {LISTEN_PID: String(process.pid), LISTEN_FDS: '1000'}],
  ['a count that is no number', {LISTEN_PID: String(process.pid), LISTEN_FDS: '1 '}],
];
for (const [what, variables] of refused) {
  test(`${what}: nothing is taken, and the variables are gone`, () => {
    const env = {...variables, LISTEN_FDNAMES: 'a:b', OTHER: 'stays'};
    assert.deepEqual(listenFds(env, process.pid), {fds: [], names: []});
    assert.deepEqual(env, {OTHER: 'stays'});
  });
}

const passed: Array<[names: string | undefined, count: number, expected: string[]]> = [
  [undefined, 2, ['unknown', 'unknown']],
  ['', 1, ['unknown']],
  ['control:service', 2, ['control', 'service']],
  ['only', 2, ['only', 'unknown']],
  ['a:b:c', 2, ['a', 'b']],
];
for (const [names, count, expected] of passed) {
  test(`${count} descriptors named ${JSON.stringify(names)}`, async () => {
    const script = await bundled('listen-fds-child.ts');
    const redirections = count === 1 ? '3</dev/null' : '3</dev/null 4</dev/zero';
    const name = names === undefined ? '' : `LISTEN_FDNAMES='${names}'`;
    // The shell puts its own pid there and becomes node by exec, as a service manager would.
    const command = `LISTEN_PID=$$ LISTEN_FDS=${count} ${name} exec ${process.execPath} ${script} ${redirections}`;
    const answer = JSON.parse(execFileSync('sh', ['-c', command], {encoding: 'utf8'}));
    assert.deepEqual(answer, {
      fds: count === 1 ? [3] : [3, 4],
      names: expected,
      targets: count === 1 ? ['/dev/null'] : ['/dev/null', '/dev/zero'],
      closeOnExec: expected.map(() => true),
      left: [],
    });
  });
}
