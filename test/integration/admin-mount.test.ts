import {spawnSync} from 'node:child_process';
import {existsSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import {request} from 'node:http';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import {parseExposition} from '../unit/admin/exposition.js';
import {type Answer, answerOf, type CheckAnswer, checkAgainst} from '../unit/admin/published.js';
import {missingForManager, NOTHING, Room, runs, SOON_MS} from './manager-support.js';

const missing = missingForManager();
const CURL = spawnSync('curl', ['--version']).status === 0;

describe.skipIf(missing)(`the admin API on real mounts${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let room: Room;
  let socketPath: string;
  let check: CheckAnswer;

  beforeEach(async () => {
    room = await Room.create();
    socketPath = room.path('/run/fuseward/admin.sock');
    check = () => {};
  });
  afterEach(() => room.close());

  /** Starts the daemon; from then on every answer is checked against the document that it publishes. */
  async function start(...args: string[]) {
    const daemon = await room.daemon(...args);
    check = checkAgainst((await ask('GET', '/openapi.json')).body);
    return daemon;
  }

  function ask(method: string, path: string, body?: object): Promise<Answer> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers = payload === undefined ? {} : {'content-type': 'application/json'};
    return new Promise((resolve, reject) => {
      const call = request({socketPath, method, path, headers, agent: false}, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (piece) => {
          text += piece;
        });
        response.on('end', () => {
          const answer = answerOf(response.statusCode ?? 0, response.headers, text);
          try {
            check(method, path, answer);
            resolve(answer);
          } catch (error) {
            reject(error);
          }
        });
      });
      call.on('error', reject);
      call.end(payload);
    });
  }

  /** What an event stream says until it has what is waited for, or ends. */
  async function eventsUntil(path: string, enough: (text: string) => boolean): Promise<string> {
    return new Promise((resolve, reject) => {
      let text = '';
      const call = request({socketPath, path, agent: false, timeout: SOON_MS}, (response) => {
        response.setEncoding('utf8').on('data', (piece) => {
          text += piece;
          if (!enough(text)) return;
          call.destroy();
          resolve(text);
        });
        response.on('end', () => resolve(text));
        response.on('error', () => {});
      });
      call.on('timeout', () => reject(new Error(`not enough: ${text}`)));
      call.on('error', () => {});
      call.end();
    });
  }

  test('a mount from order to removal', async () => {
    await start();
    expect((await ask('GET', '/v1/mounts')).body).toEqual({mounts: []});
    const {image, target} = room.image('disk');
    const made = await ask('POST', '/v1/mounts', {source: image, target, type: 'ext4', options: ['ro']});
    expect(made).toMatchObject({status: 201, body: {source: image, target, ours: true, type: 'fuse.ext4'}});
    const {id, serverPid} = made.body;
    const url = `/v1/mounts/${id}`;
    expect(made.headers['location']).toBe(url);
    expect(room.run('ls', target)).toContain('struct.ts');
    room.run('cat', join(target, 'struct.ts'));

    const mount = await ask('GET', url);
    expect(mount.body).toMatchObject({id, target, health: 'ok', containment: {capabilities: []}});
    expect((await ask('GET', '/v1/mounts')).body.mounts).toHaveLength(1);
    const stats = (await ask('GET', `${url}/stats`)).body;
    expect(stats.operations.READ.bytesOut).toBeGreaterThan(100);
    expect(stats.process.residentBytes).toBeGreaterThan(2 ** 20);
    const {caches} = (await ask('GET', `${url}/cache`)).body;
    expect(caches.block.misses.cold).toBeGreaterThan(0);

    const limited = await ask('PATCH', `${url}/cache`, {limitBytes: 1 << 20});
    expect(limited).toMatchObject({status: 200, body: {caches: {block: {capacityBytes: 1 << 20}}}});
    const dropped = await ask('POST', `${url}/cache/drop`);
    expect(dropped).toMatchObject({status: 200, body: {caches: {block: {bytes: 0, entries: 0}}}});
    expect((await ask('POST', `${url}/freeze`)).body).toMatchObject({id, frozen: true});
    expect((await ask('POST', `${url}/thaw`)).body).toMatchObject({id, frozen: false});
    expect((await ask('POST', `${url}/sync`)).status).toBe(200);
    expect(room.run('cat', join(target, 'struct.ts'))).toBe(readFileSync('src/wire/struct.ts', 'utf8'));

    expect((await ask('DELETE', url)).status).toBe(204);
    for (const [method, path] of [
      ['GET', url],
      ['GET', `${url}/stats`],
      ['DELETE', url],
      ['POST', `${url}/freeze`],
    ] as const) {
      expect(await ask(method, path)).toMatchObject({status: 404, body: {code: 'no-such-mount'}});
    }
    expect(runs(serverPid)).toBe(false);
    expect(room.leftovers()).toEqual(NOTHING);
  });

  test('shutdown fails requests and a forced removal takes the mount away', async () => {
    await start();
    const {target, connectionId} = room.mount('disk');
    expect((await ask('POST', `/v1/mounts/${connectionId}/shutdown`)).status).toBe(200);
    expect(() => room.run('cat', join(target, 'struct.ts'))).toThrow(/Input\/output error/);
    expect((await ask('DELETE', `/v1/mounts/${connectionId}?force=true`)).status).toBe(204);
    // The loop device goes a moment after the server, which nobody waits for here.
    await expect.poll(() => room.leftovers(), {timeout: SOON_MS}).toEqual(NOTHING);
  });

  test('a mount that is in use: refused, then detached', async () => {
    await start();
    const {target, connectionId} = room.mount('disk');
    const user = room.start('sh', '-c', `cd ${target} && echo in && exec sleep 60`);
    await new Promise((resolve) => user.stdout?.once('data', resolve));
    const url = `/v1/mounts/${connectionId}`;
    expect(await ask('DELETE', url)).toMatchObject({status: 409, body: {errno: 'EBUSY'}});
    expect((await ask('DELETE', `${url}?lazy=true`)).status).toBe(204);
    user.kill('SIGKILL');
    expect(await eventually(() => room.leftovers().loops.length === 0, SOON_MS)).toBe(true);
  });

  test('orders that fail say why and leave nothing', async () => {
    await start();
    const {image, target} = room.image('disk');
    const garbage = join(room.dir, 'garbage.img');
    writeFileSync(garbage, Buffer.alloc(1 << 20, 'x'));
    const nowhere = join(room.dir, 'nowhere');
    const rows: Array<[order: object, status: number, code: string, errno: string]> = [
      [{source: nowhere, target, type: 'ext4'}, 400, 'source-missing', 'ENOENT'],
      [{source: image, target: nowhere, type: 'ext4'}, 400, 'target-missing', 'ENOENT'],
      [{source: image, target, type: 'nosuchtype'}, 422, 'no-driver', 'ENODEV'],
      [{source: garbage, target, type: 'ext4'}, 502, 'server-refused', 'EINVAL'],
      [{source: image, target, type: 'ext4', options: ['nosuchoption']}, 502, 'server-refused', 'EINVAL'],
    ];
    for (const [order, status, code, errno] of rows) {
      const answer = await ask('POST', '/v1/mounts', order);
      expect(answer, answer.text).toMatchObject({status, body: {status, code, errno}});
      expect(answer.text).not.toMatch(/ at .*\.js/);
    }
    expect(room.leftovers()).toEqual(NOTHING);
    expect(await ask('POST', '/v1/mounts', {source: image, target, type: 'ext4'})).toMatchObject({
      status: 201,
    });
    expect((await ask('GET', '/v1/mounts')).body.mounts).toHaveLength(1);
  });

  test('metrics equal what the routes tell, and forget a mount that is gone', async () => {
    await start();
    const {target, connectionId} = room.mount('disk');
    room.run('cat', join(target, 'struct.ts'));
    const id = String(connectionId);
    const value = async (name: string, labels: Record<string, string>) => {
      const families = parseExposition((await ask('GET', '/metrics')).text);
      const lines = [...families.values()].flatMap((family) => family.lines);
      return lines.find(
        (line) =>
          line.name === name && Object.entries(labels).every(([label, text]) => line.labels[label] === text),
      )?.value;
    };
    const {operations} = (await ask('GET', `/v1/mounts/${id}/stats`)).body;
    const {caches} = (await ask('GET', `/v1/mounts/${id}/cache`)).body;
    const read = {mount: id, opcode: 'READ'};
    // Counters in a scrape may be two seconds old.
    await expect
      .poll(() => value('fuseward_request_duration_seconds_count', read), {timeout: SOON_MS})
      .toBe(operations.READ.count);
    expect(await value('fuseward_request_bytes_total', {...read, direction: 'out'})).toBe(
      operations.READ.bytesOut,
    );
    const cold = {mount: id, cache: 'block', reason: 'cold'};
    await expect
      .poll(() => value('fuseward_cache_misses_total', cold), {timeout: SOON_MS})
      .toBe(caches.block.misses.cold);
    expect(await value('fuseward_mount_health', {mount: id, health: 'ok'})).toBe(1);
    expect(await value('fuseward_mount_info', {mount: id, target})).toBe(1);
    await ask('DELETE', `/v1/mounts/${id}`);
    expect((await ask('GET', '/metrics')).text).not.toContain(`mount="${id}"`);
  });

  test('events are told again after a broken connection', async () => {
    await start();
    const {connectionId, target} = room.mount('disk');
    const first = await eventsUntil('/v1/events?since=0', (text) => /^event: mounted\n.*\n\n/m.test(text));
    const last = [...first.matchAll(/^id: (\S+)$/gm)].at(-1)?.[1] as string;
    expect(JSON.parse(/^event: mounted\ndata: (.*)$/m.exec(first)?.[1] as string)).toMatchObject({
      mount: String(connectionId),
      target,
    });
    await ask('DELETE', `/v1/mounts/${connectionId}`);
    const rest = await eventsUntil(`/v1/events?since=${last}`, (text) => /^event: unmounted$/m.test(text));
    expect(rest).not.toMatch(/^event: (mounted|gap)$/m);
  });

  test('the socket is for root and its group, orders are logged with their caller, and the end is clean', async () => {
    const daemon = await start();
    expect((statSync(socketPath).mode & 0o7777).toString(8)).toBe('660');
    const {target, connectionId} = room.mount('disk');
    await ask('POST', `/v1/mounts/${connectionId}/sync`);
    const logged = await eventually(
      () =>
        daemon.log().some(({msg, caller}) => {
          const {uid, pid} = (caller ?? {}) as {uid?: number; pid?: number};
          return msg === 'ordered' && uid === 0 && pid === process.pid;
        }),
      SOON_MS,
    );
    expect(logged).toBe(true);
    let open = (): void => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const listening = eventsUntil('/v1/events', () => {
      open();
      return false;
    });
    await opened;
    expect(await daemon.end()).toBe(0);
    expect(existsSync(socketPath)).toBe(false);
    expect(room.run('ls', target)).toContain('struct.ts');
    expect(daemon.stderr()).toBe('');
    expect(await listening).toContain(': fuseward events');
  });

  test('TCP wants the token that the command was given', async () => {
    const tokenFile = join(room.dir, 'token');
    const token = 'x'.repeat(40);
    writeFileSync(tokenFile, token, {mode: 0o600});
    const daemon = await start('--listen', '127.0.0.1:0', '--token-file', tokenFile);
    const {addresses} = daemon.log().find(({msg}) => msg === 'listening') as {addresses: string[]};
    const url = addresses.find((address) => address.startsWith('http://')) as string;
    expect((await fetch(`${url}/v1/mounts`)).status).toBe(401);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const allowed = await fetch(`${url}/v1/mounts`, {headers: {authorization: `Bearer ${token}`}});
    expect(await allowed.json()).toEqual({mounts: []});
  });

  test.skipIf(!CURL)('by curl, as the guide says (needs curl)', async () => {
    await start();
    const {image, target} = room.image('disk');
    const curl = (...args: string[]) =>
      spawnSync('curl', ['-sS', '--fail-with-body', '--unix-socket', socketPath, ...args], {
        encoding: 'utf8',
        timeout: 30_000,
      });
    const json = ['-H', 'content-type: application/json'];
    const order = JSON.stringify({source: image, target, type: 'ext4', options: ['ro']});
    const {id} = JSON.parse(curl('http://fuseward/v1/mounts', ...json, '-d', order).stdout);
    const url = `http://fuseward/v1/mounts/${id}`;
    expect(JSON.parse(curl('-X', 'POST', `${url}/cache/drop`).stdout).caches.block.entries).toBe(0);
    const limit = ['-X', 'PATCH', `${url}/cache`, ...json, '-d', '{"limitBytes": 33554432}'];
    expect(JSON.parse(curl(...limit).stdout).caches.block.capacityBytes).toBe(33554432);
    expect(JSON.parse(curl('-X', 'POST', `${url}/freeze`).stdout).frozen).toBe(true);
    expect(curl('-X', 'DELETE', `${url}?lazy=true`).status).toBe(0);
    const gone = curl(url);
    expect(gone.status).toBe(22);
    expect(JSON.parse(gone.stdout).code).toBe('no-such-mount');
  });
});
