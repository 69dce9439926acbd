import {spawn} from 'node:child_process';
import {existsSync, renameSync, rmSync} from 'node:fs';
import {createServer} from 'node:net';
import {afterEach, beforeAll, beforeEach, describe, expect, test, vi} from 'vitest';
import {bundle} from '../../support/bundle.mjs';
import {ask, Ground} from './listening.js';

let ground: Ground;
let path: string;

beforeEach(() => {
  ground = new Ground();
  ({path} = ground);
});
afterEach(() => ground.close());

describe('a socket from systemd', () => {
  let program: string;

  beforeAll(async () => {
    program = await bundle('test/unit/admin/activated.ts');
    return () => rmSync(program);
  });

  /** Starts a daemon of the API alone whose descriptor 3 is a listening socket, on which nobody else accepts. */
  async function activate(names: string | undefined, at: string | number = path, count = '1') {
    const server = createServer();
    const born = typeof at === 'string' ? `${at}.new` : at;
    await new Promise<void>((resolve) => server.listen(born, resolve));
    // Node removes the name it gave when it closes the server.
    if (typeof at === 'string') renameSync(born as string, at);
    const {fd} = (server as unknown as {_handle: {fd: number}})._handle;
    const env: NodeJS.ProcessEnv = {...process.env, LISTEN_FDS: count};
    delete env['NODE_OPTIONS'];
    if (names !== undefined) env['LISTEN_FDNAMES'] = names;
    const stdio: Array<'ignore' | 'pipe' | number> = ['ignore', 'pipe', 'pipe', fd];
    for (let extra = 1; extra < Number(count); extra++) stdio.push(fd);
    const command = 'LISTEN_PID=$$ exec "$0" "$1"';
    const child = spawn('/bin/sh', ['-c', command, process.execPath, program], {env, stdio});
    server.close();
    let out = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk) => {
        out += chunk;
      });
    }
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
    return {child, out: () => out, exited};
  }

  test.each([['admin'], [undefined], ['fuseward-admin.socket']])('named %s is taken', async (name) => {
    const {child, out, exited} = await activate(name);
    await vi.waitFor(() => expect(out()).toContain('addresses'), {timeout: 15_000, interval: 100});
    const told = JSON.parse(
      out()
        .split('\n')
        .find((line) => line.includes('addresses')) as string,
    );
    expect(told).toMatchObject({addresses: ['systemd'], left: [], closeOnExec: true});
    const {body} = await ask({socketPath: path});
    expect(body['pid']).toBe(child.pid);
    child.kill('SIGTERM');
    expect(await exited).toBe(0);
    expect(out()).not.toMatch(/warning/i);
    // It is systemd's, and stays.
    expect(existsSync(path)).toBe(true);
  });

  test('gets descriptor 3 whatever comes before it', async () => {
    const {child, out, exited} = await activate('stored-events:admin', path, '2');
    await vi.waitFor(() => expect(out()).toContain('addresses'), {timeout: 15_000, interval: 100});
    expect(JSON.parse(out())).toMatchObject({left: [], closeOnExec: true, others: {stored: {events: '0'}}});
    const {body} = await ask({socketPath: path});
    expect(body['pid']).toBe(child.pid);
    child.kill('SIGTERM');
    expect(await exited).toBe(0);
  });

  test.each([
    ['with a name of something else', 'metrics', '1', /the socket "metrics"/],
    ['with a second one of no name here', 'admin:manager', '2', /the socket "manager"/],
    ['that comes twice', 'admin:admin', '2', /"admin" came twice/],
    ['of users that is a stream', 'mount', '1', /not of ListenSequentialPacket=/],
  ])('%s is refused', async (_, names, count, message) => {
    const {out, exited} = await activate(names, path, count);
    expect(await exited).toBe(1);
    expect(out()).toMatch(message);
  });

  test('that is of TCP is refused: nothing would ask for a token', async () => {
    const {out, exited} = await activate('admin', 0);
    expect(await exited).toBe(1);
    expect(out()).toMatch(/not a stream socket in the file system/);
  });
});
