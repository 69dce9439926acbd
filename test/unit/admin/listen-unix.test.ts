import {execFileSync} from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {connect} from 'node:net';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test, vi} from 'vitest';
import {FakeManager} from './fake-manager.js';
import {ask, Ground, ROOT, raw} from './listening.js';

let ground: Ground;
let directory: string;
let path: string;
const start: Ground['start'] = (...args) => ground.start(...args);

beforeEach(() => {
  ground = new Ground();
  ({directory, path} = ground);
});
afterEach(() => ground.close());

describe('the unix socket', () => {
  test('is for its owner and group, and gone after closing', async () => {
    const {admin, addresses} = await start();
    expect(addresses).toEqual([path]);
    const stat = statSync(path);
    expect((stat.mode & 0o7777).toString(8)).toBe('660');
    expect(readdirSync(directory)).toEqual(['admin.sock']);
    expect((await ask({socketPath: path})).status).toBe(200);
    await admin.close();
    expect(readdirSync(directory)).toEqual([]);
  });

  test.skipIf(!ROOT)('belongs to the group that is named (needs root)', async () => {
    await start({socketGroup: '12345'});
    expect(statSync(path)).toMatchObject({uid: 0, gid: 12345});
  });

  test.skipIf(!ROOT)('is closed to everybody else (needs root)', async () => {
    await start({socketGroup: '12345'});
    chmodSync(directory, 0o755);
    const client = `require('node:net').connect(${JSON.stringify(path)}).on('connect',()=>{console.log('in');process.exit()}).on('error',e=>console.log(e.code))`;
    const as = (uid: number, gid: number) =>
      execFileSync(process.execPath, ['-e', client], {uid, gid, encoding: 'utf8'}).trim();
    expect(as(65534, 65534)).toBe('EACCES');
    expect(as(65534, 12345)).toBe('in');
  });

  test('can not be for a group that does not exist', async () => {
    await expect(start({socketGroup: 'no-such-group-at-all'})).rejects.toThrow(
      /no group no-such-group-at-all/,
    );
    expect(readdirSync(directory)).toEqual([]);
  });

  test('replaces one that nobody answers on', async () => {
    const child = `require('node:net').createServer().listen(${JSON.stringify(path)},()=>process.kill(process.pid,9))`;
    expect(() => execFileSync(process.execPath, ['-e', child], {stdio: 'ignore'})).toThrow();
    expect(existsSync(path)).toBe(true);
    await start();
    expect((await ask({socketPath: path})).status).toBe(200);
  });

  test('leaves alone one that somebody answers on', async () => {
    await start();
    await expect(start()).rejects.toThrow(/another daemon answers there/);
    expect((await ask({socketPath: path})).status).toBe(200);
    expect(readdirSync(directory)).toEqual(['admin.sock']);
  });

  test('that another daemon has replaced is not removed on closing', async () => {
    const {admin} = await start();
    rmSync(path);
    await start();
    await admin.close();
    expect((await ask({socketPath: path})).status).toBe(200);
  });

  test.each([
    ['a file', () => writeFileSync(path, 'x')],
    ['a directory', () => mkdirSync(path)],
    ['a symbolic link', () => symlinkSync('/dev/null', path)],
  ])('does not take the place of %s', async (_, make) => {
    make();
    await expect(start()).rejects.toThrow(/something that is no socket/);
    expect(readdirSync(directory)).toEqual(['admin.sock']);
  });

  test('is not put where others may write', async () => {
    chmodSync(directory, 0o777);
    await expect(start()).rejects.toThrow(/others may write/);
  });

  test.skipIf(!ROOT)("is not put into somebody else's directory (needs root)", async () => {
    chownSync(directory, 65534, 65534);
    await expect(start()).rejects.toThrow(/belongs to user 65534/);
  });

  test('says so when its path is too long', async () => {
    const long = join(directory, 'x'.repeat(60));
    await expect(start({socketPath: join(long, 'y'.repeat(40), 'admin.sock')})).rejects.toThrow(/too long/);
  });

  test('answers what is not HTTP', async () => {
    await start();
    const got = await raw(path, 'hello\r\n\r\n');
    expect(got).toMatch(/^HTTP\/1\.1 400 /);
    expect(JSON.parse(got.split('\r\n\r\n')[1] as string)).toMatchObject({status: 400, code: 'bad-request'});
  });

  test('answers headers that are too large', async () => {
    await start();
    const got = await raw(path, `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`);
    expect(got).toMatch(/^HTTP\/1\.1 431 /);
    expect(got).toContain('"headers-too-large"');
  });

  test('silence ends a look, and not the wait for an order', async () => {
    const manager = new FakeManager();
    const late = () => new Promise<never>((_, reject) => setTimeout(() => reject(new Error('late')), 600));
    manager.stats = late;
    manager.order = late;
    const {admin} = await start({}, manager);
    expect(admin.server.timeout).toBe(120_000);
    admin.server.timeout = 100;
    await expect(ask({socketPath: path, path: '/v1/mounts/41/stats'})).rejects.toThrow(/hang up/);
    expect((await ask({socketPath: path, path: '/v1/mounts/41/sync', method: 'POST'})).status).toBe(500);
  });

  test('closing waits for a request that runs and takes no new one', async () => {
    const manager = new FakeManager();
    let finish = (): void => {};
    const blocked = new Promise<void>((resolve) => {
      finish = resolve;
    });
    manager.remove = () => blocked;
    const {admin} = await start({}, manager);
    const socket = connect(path, () => socket.write('DELETE /v1/mounts/41 HTTP/1.1\r\nhost: x\r\n\r\n'));
    let got = '';
    socket.on('data', (chunk) => {
      got += chunk;
    });
    await vi.waitFor(() => expect(socket.bytesWritten).toBeGreaterThan(0));
    await new Promise((resolve) => setTimeout(resolve, 100));
    const closed = admin.close();
    await vi.waitFor(() => expect(existsSync(path)).toBe(false));
    finish();
    await closed;
    await vi.waitFor(() => expect(got).toMatch(/^HTTP\/1\.1 204 /));
  });
});
