import {execFileSync, spawn, spawnSync} from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {type IncomingHttpHeaders, type RequestOptions, request} from 'node:http';
import {request as requestTls, type RequestOptions as TlsOptions} from 'node:https';
import {connect, createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeAll, beforeEach, describe, expect, test, vi} from 'vitest';
import {
  type Admin,
  createAdmin,
  type ListenOptions,
  listenAdmin,
  type TcpOptions,
} from '../../../src/admin/index.js';
import {bundle} from '../../support/bundle.mjs';
import {collectingLog} from './contract.js';
import {FakeManager} from './fake-manager.js';

const OPENSSL = spawnSync('openssl', ['version']).status === 0;
const ROOT = process.geteuid?.() === 0;
const TOKEN = 'correct-horse-battery-staple-0123456789';

let directory: string;
let path: string;
const opened: Admin[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'fuseward-admin-'));
  path = join(directory, 'admin.sock');
});

afterEach(async () => {
  for (const admin of opened.splice(0)) await admin.close();
  rmSync(directory, {recursive: true});
});

async function start(opts: ListenOptions = {}, env: NodeJS.ProcessEnv = {}) {
  const admin = createAdmin(new FakeManager(), {log: collectingLog().log, version: '1'});
  opened.push(admin);
  const {addresses} = await listenAdmin(admin, {socketPath: path, ...opts}, env);
  return {admin, addresses};
}

interface Reply {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  body: Record<string, unknown>;
}

function ask(
  options: RequestOptions | TlsOptions,
  send: typeof request | typeof requestTls = request,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asked = send({path: '/v1/status', agent: false, ...options}, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () =>
        resolve({status: response.statusCode, headers: response.headers, body: JSON.parse(text)}),
      );
    });
    asked.once('error', reject);
    asked.end();
  });
}

/** Sends bytes as they are; what comes back until the other end closes. */
function raw(socketPath: string, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(socketPath, () => socket.write(text));
    let got = '';
    socket.on('data', (chunk) => {
      got += chunk;
    });
    socket.on('close', () => resolve(got));
    socket.on('error', () => {});
  });
}

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

  test('closing waits for a request that runs and takes no new one', async () => {
    const manager = new FakeManager();
    let finish = (): void => {};
    const blocked = new Promise<void>((resolve) => {
      finish = resolve;
    });
    manager.remove = () => blocked;
    const admin = createAdmin(manager, {log: collectingLog().log, version: '1'});
    opened.push(admin);
    await listenAdmin(admin, {socketPath: path}, {});
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

describe.skipIf(!ROOT)('TCP (its token file has to be of root)', () => {
  let tokenFile: string;
  let tcp: TcpOptions;

  beforeEach(() => {
    tokenFile = join(directory, 'token');
    writeFileSync(tokenFile, `${TOKEN}\n`, {mode: 0o600});
    tcp = {host: '127.0.0.1', port: 0, tokenFile};
  });

  async function startTcp(changes: Partial<TcpOptions> = {}) {
    const {addresses} = await start({tcp: {...tcp, ...changes}});
    const url = new URL(addresses[1] as string);
    return {url, to: {host: url.hostname.replace(/[[\]]/g, ''), port: url.port}};
  }

  test('wants the token for everything but /healthz', async () => {
    const {to} = await startTcp();
    expect((await ask({...to, path: '/healthz'})).status).toBe(200);
    for (const route of [
      '/v1/status',
      '/v1/mounts',
      '/metrics',
      '/readyz',
      '/openapi.json',
      '/v1/events',
      '/nowhere',
    ]) {
      const {status, body, headers} = await ask({...to, path: route});
      expect({route, status, code: body['code']}).toEqual({route, status: 401, code: 'token-missing'});
      expect(headers['www-authenticate']).toMatch(/^Bearer/);
      expect(headers['content-type']).toMatch(/^application\/problem\+json/);
    }
    expect((await ask({...to, headers: {authorization: `Bearer ${TOKEN}`}})).status).toBe(200);
    expect((await ask({...to, headers: {authorization: `bearer ${TOKEN}`}})).status).toBe(200);
  });

  test.each([
    ['another token', `Bearer ${TOKEN.replace('c', 'C')}`],
    ['its beginning', `Bearer ${TOKEN.slice(0, -1)}`],
    ['more than it', `Bearer ${TOKEN}0`],
    ['two', `Bearer ${TOKEN} ${TOKEN}`],
    ['none', 'Bearer '],
    ['another scheme', `Basic ${Buffer.from(`root:${TOKEN}`).toString('base64')}`],
  ])('refuses %s', async (_, authorization) => {
    const {to} = await startTcp();
    const {status, body} = await ask({...to, headers: {authorization}});
    expect({status, code: body['code']}).toEqual({status: 401, code: 'token-wrong'});
  });

  test('the unix socket beside it wants none', async () => {
    await startTcp();
    expect((await ask({socketPath: path})).status).toBe(200);
  });

  test.each([
    ['evil.example', 421],
    ['evil.example:80', 421],
    ['127.0.0.1.evil.example', 421],
    ['localhost@evil.example', 421],
    ['localhost', 200],
    ['LOCALHOST:9999', 200],
    ['127.0.0.1', 200],
    ['[::1]:80', 200],
    ['fuse1.example', 200],
  ])('Host: %s', async (host, expected) => {
    const {to} = await startTcp({names: ['fuse1.example']});
    const {status} = await ask({...to, path: '/healthz', headers: {host}});
    expect(status).toBe(expected);
  });

  test.each(['0.0.0.0', '::', '192.0.2.1', 'example.org', '::ffff:1.2.3.4'])(
    'does not listen on %s without encryption',
    async (host) => {
      await expect(start({tcp: {...tcp, host}})).rejects.toThrow(
        /everybody on the network could read the token/,
      );
      expect(existsSync(path)).toBe(false);
    },
  );

  test('listens on another address if told that it may be insecure', async () => {
    const {to} = await startTcp({host: '0.0.0.0', insecure: true});
    expect((await ask({...to, host: '127.0.0.1'})).status).toBe(401);
  });

  test('listens on ::1', async () => {
    const {url, to} = await startTcp({host: '::1'});
    expect(url.hostname).toBe('[::1]');
    expect((await ask({...to, headers: {authorization: `Bearer ${TOKEN}`}})).status).toBe(200);
  });

  test.skipIf(!OPENSSL)('with TLS, wherever (needs openssl for a certificate)', async () => {
    const key = join(directory, 'key.pem');
    const cert = join(directory, 'cert.pem');
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    const made = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
    ];
    execFileSync('openssl', [...made, '-keyout', key, '-out', cert, ...subject], {stdio: 'ignore'});
    chmodSync(key, 0o600);
    chmodSync(cert, 0o600);
    const {url, to} = await startTcp({host: '0.0.0.0', tls: {cert, key}});
    expect(url.protocol).toBe('https:');
    const options = {...to, host: '127.0.0.1', rejectUnauthorized: false};
    expect((await ask(options, requestTls)).status).toBe(401);
    const headers = {authorization: `Bearer ${TOKEN}`};
    expect((await ask({...options, headers}, requestTls)).status).toBe(200);
    await expect(ask({...to, host: '127.0.0.1'})).rejects.toThrow();
  });

  test('not with a port that is taken, and then not on the unix socket either', async () => {
    const {url} = await startTcp();
    const other = join(directory, 'other.sock');
    await expect(start({socketPath: other, tcp: {...tcp, port: Number(url.port)}})).rejects.toThrow(
      /EADDRINUSE/,
    );
    expect(existsSync(other)).toBe(false);
  });

  const files: Array<[what: string, make: (file: string) => void, message: RegExp]> = [
    ['that is not there', (file) => rmSync(file), /ENOENT/],
    ['that others may read', (file) => chmodSync(file, 0o604), /mode 604/],
    ['that its group may write', (file) => chmodSync(file, 0o620), /mode 620/],
    ['of somebody else', (file) => chownSync(file, 1000, 0), /belongs to user 1000/],
    ['that is short', (file) => writeFileSync(file, 'x'.repeat(31)), /31 characters is too short/],
    ['that is empty', (file) => writeFileSync(file, ''), /too short/],
    ['with a space', (file) => writeFileSync(file, `${TOKEN} ${TOKEN}`), /one line/],
    ['with two lines', (file) => writeFileSync(file, `${TOKEN}\n${TOKEN}\n`), /one line/],
    ['that is huge', (file) => writeFileSync(file, 'x'.repeat(5000)), /5000 bytes/],
    [
      'that is a link',
      (file) => {
        writeFileSync(`${file}2`, TOKEN, {mode: 0o600});
        rmSync(file);
        symlinkSync(`${file}2`, file);
      },
      /ELOOP/,
    ],
    [
      'that is a directory',
      (file) => {
        rmSync(file);
        mkdirSync(file);
      },
      /not a regular file/,
    ],
  ];
  test.each(files)('not with a token file %s', async (_, make, message) => {
    make(tokenFile);
    await expect(start({tcp})).rejects.toThrow(message);
    expect(existsSync(path)).toBe(false);
  });
});

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

  test.each([
    ['with a name of something else', 'metrics', '1', /the socket "metrics"/],
    ['with a second one', 'admin:manager', '2', /one is expected, 2 came/],
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
