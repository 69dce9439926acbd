import {execFileSync, spawnSync} from 'node:child_process';
import {chmodSync, chownSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {request as requestTls} from 'node:https';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import type {TcpOptions} from '../../../src/admin/index.js';
import {ask, Ground, ROOT} from './listening.js';

const OPENSSL = spawnSync('openssl', ['version']).status === 0;
const TOKEN = 'correct-horse-battery-staple-0123456789';

let ground: Ground;
let directory: string;
let path: string;
const start: Ground['start'] = (...args) => ground.start(...args);

beforeEach(() => {
  ground = new Ground();
  ({directory, path} = ground);
});
afterEach(() => ground.close());

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

  test('a stranger who tries again and again is one line in the log', async () => {
    const {to} = await startTcp();
    for (let count = 0; count < 20; count++) {
      await ask({
        ...to,
        method: 'POST',
        path: '/v1/mounts/41/shutdown',
        headers: {authorization: 'Bearer x'},
      });
    }
    expect(ground.lines).toHaveLength(1);
    expect(ground.lines[0]).toMatchObject({level: 40, code: 'token-wrong', address: '127.0.0.1'});
    expect(JSON.stringify(ground.lines)).not.toContain('Bearer');
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
