import {readdirSync, writeFileSync} from 'node:fs';
import {createServer, type Server, type Socket} from 'node:net';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {encodeFrame, FrameReader} from '../../src/control/index.js';
import {eventually} from '../../src/helper/cleanup.js';
import {processNamed} from '../../src/manager/process-name.js';
import {missingForManager, NOTHING, Room, runs, SOON_MS} from './manager-support.js';

const missing = missingForManager();
/** What is promised: an event and the clean-up so soon after a server's end. */
const PROMISED_MS = 2_000;
let room: Room;
let servers: Server[] = [];

interface Forged {
  readonly target: string;
  readonly id: number;
}

/** A mount of fuse2fs with a record as if it were ours, and a control socket on which `behave` speaks for its server. */
async function forge(name: string, behave: (client: Socket) => void): Promise<Forged> {
  room.run('mkdir', '--parents', '/run/fuseward/control', '/run/fuseward/mounts');
  const {image, target} = room.image(name);
  const {pid} = room.start('fuse2fs', '-f', '-o', 'ro', image, target);
  const line = (): string | undefined => room.leftovers().mounts.find((each) => each.includes(`${target} `));
  await eventually(() => line() !== undefined, SOON_MS);
  const [mountId, , device] = line()!.split(' ');
  const id = Number(device!.split(':')[1]);
  const controlSocket = `/run/fuseward/control/${id.toString(16).padStart(16, '0')}.sock`;
  const server = createServer((client) => {
    client.on('error', () => undefined);
    behave(client);
  });
  await new Promise<void>((resolve) => server.listen(room.path(controlSocket), resolve));
  servers.push(server);
  const record = {
    connectionId: id,
    mountId: Number(mountId),
    source: image,
    target,
    type: 'ext4',
    options: [],
    readOnly: true,
    iomap: 'unsupported',
    kind: 'embedded',
    serverPid: pid,
    serverStart: processNamed(pid!)!.start,
    since: new Date().toISOString(),
    controlSocket,
  };
  writeFileSync(room.path(`/run/fuseward/mounts/${id}.json`), JSON.stringify(record), {mode: 0o600});
  return {target, id};
}

describe.skipIf(missing)(`the manager's watch${missing ? ` (skipped: ${missing})` : ''}`, () => {
  beforeEach(async () => {
    room = await Room.create();
  });
  afterEach(async () => {
    for (const server of servers) server.close();
    servers = [];
    await room.close();
  });

  test('a killed server is an event, and nothing is left of its mount, even where it is in use', async () => {
    await room.daemon();
    const {heard, close} = await room.listen();
    const other = room.mount('other');
    const {target, serverPid, connectionId, image} = room.mount('disk');
    await room.seen(target, ({health}) => health === 'ok');
    const copy = join(room.dir, 'copy');
    room.run('mkdir', copy);
    room.run('mount', '--bind', target, copy);
    const user = room.start('sh', '-c', `cd ${target} && echo inside && exec sleep 60`);
    await new Promise((resolve) => user.stdout!.once('data', resolve));

    const killed = performance.now();
    process.kill(serverPid, 'SIGKILL');
    const cleaned = () => heard.find(({event}) => event === 'cleaned');
    await eventually(() => cleaned() !== undefined, SOON_MS);
    const died = heard.find(({event}) => event === 'server-died');
    expect(died).toMatchObject({
      mount: String(connectionId),
      target,
      details: {serverPid, source: image, policy: 'detach'},
    });
    expect(cleaned()).toMatchObject({
      mount: String(connectionId),
      details: {detached: [copy, target], left: [], loopReleased: true, serverGone: true},
    });
    expect(died!.at - killed).toBeLessThan(PROMISED_MS);
    expect(cleaned()!.at - killed).toBeLessThan(PROMISED_MS);
    expect(
      heard.filter(({event, mount}) => event === 'unmounted' && mount === String(connectionId)),
    ).toHaveLength(1);

    const left = room.leftovers();
    expect(left.mounts).toHaveLength(1);
    expect(left.mounts[0]).toContain(other.target);
    expect({...left, mounts: []}).toEqual({
      mounts: [],
      loops: [other.image],
      records: [`${other.connectionId}.json`],
      sockets: [expect.any(String)],
    });
    expect((await room.mounts()).map((mount) => mount.target)).toEqual([other.target]);
    expect(readdirSync(room.path(other.target))).toContain('struct.ts');
    const {body} = await room.ask<{totals: object}>('GET', '/v1/status');
    expect(body.totals).toMatchObject({mounts: 1, serversDied: 1, mountsMade: 2});
    user.kill('SIGKILL');
    close();
  });

  test('by policy a mount without a server stays, is called dead, and can be removed', async () => {
    const policy = join(room.dir, 'policy');
    room.run('mkdir', policy);
    writeFileSync(join(policy, 'ext4.toml'), 'on_server_death = "keep"\n');
    await room.daemon('--policy', policy);
    const {target, serverPid, connectionId} = room.mount('disk');
    process.kill(serverPid, 'SIGKILL');
    expect(await room.seen(target, ({health}) => health === 'dead')).toMatchObject({
      health: 'dead',
      serverPid: null,
      connected: false,
      containment: null,
    });
    expect(room.leftovers().mounts).toHaveLength(1);
    const {body} = await room.ask<{code: string}>('GET', `/v1/mounts/${connectionId}/stats`);
    expect(body.code).toBe('not-connected');
    expect((await room.ask('DELETE', `/v1/mounts/${connectionId}`)).status).toBeLessThan(300);
    expect(await room.mounts()).toEqual([]);
    expect(room.leftovers()).toEqual(NOTHING);
  });

  test('a connection that somebody ended is noticed and cleaned up', async () => {
    await room.daemon();
    const {heard, close} = await room.listen();
    const {target, connectionId, serverPid} = room.mount('disk');
    room.run('sh', '-c', `echo 1 > /sys/fs/fuse/connections/${connectionId}/abort`);
    const ended = performance.now();
    await eventually(() => heard.some(({event}) => event === 'cleaned'), SOON_MS);
    expect(heard.find(({event}) => event === 'health')).toMatchObject({target, details: {now: 'aborted'}});
    expect(heard.find(({event}) => event === 'cleaned')!.at - ended).toBeLessThan(PROMISED_MS);
    expect(heard.map(({event}) => event)).not.toContain('server-died');
    expect(await eventually(() => !runs(serverPid), SOON_MS)).toBe(true);
    expect(room.leftovers()).toEqual(NOTHING);
    close();
  });

  test('a server that does not answer is called hung, and well again when it does', async () => {
    await room.daemon();
    const {heard, close} = await room.listen();
    const {target, serverPid} = room.mount('disk');
    await room.seen(target, ({health}) => health === 'ok');
    process.kill(serverPid, 'SIGSTOP');
    const stopped = performance.now();
    await eventually(() => heard.some(({event}) => event === 'health'), SOON_MS);
    expect(heard.find(({event}) => event === 'health')).toMatchObject({
      target,
      details: {before: 'ok', now: 'hung'},
    });
    expect(heard.find(({event}) => event === 'health')!.at - stopped).toBeLessThan(PROMISED_MS + 500);
    process.kill(serverPid, 'SIGCONT');
    expect(await room.seen(target, ({health}) => health === 'ok')).toMatchObject({health: 'ok'});
    // Silence is no reason to take a mount away.
    expect(readdirSync(room.path(target))).toContain('struct.ts');
    close();
  });

  test('a mount whose server died before the daemon came is offered for clean-up, by its id', async () => {
    const {target, serverPid, connectionId, mountId} = room.mount('disk');
    const well = room.mount('well');
    process.kill(serverPid, 'SIGKILL');
    await eventually(() => !runs(serverPid), SOON_MS);
    const daemon = await room.daemon();
    expect(daemon.log().find(({msg}) => msg === 'stale')).toMatchObject({
      mount: String(connectionId),
      target,
      mountId,
    });
    expect(await room.seen(target)).toMatchObject({health: 'dead', mountId});
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(room.leftovers().mounts).toHaveLength(2);
    // Its id is meant, and not whatever is at its path by now.
    room.run('mount', '-t', 'tmpfs', 'none', target);
    const covered = await room.ask<{code: string}>('DELETE', `/v1/mounts/${connectionId}`);
    expect(covered.body.code).toBe('covered');
    expect(room.run('findmnt', '--noheadings', '--output', 'FSTYPE', '--mountpoint', target)).toContain(
      'tmpfs',
    );
    room.run('umount', target);
    expect((await room.ask('DELETE', `/v1/mounts/${connectionId}`)).status).toBeLessThan(300);
    expect((await room.mounts()).map((mount) => mount.target)).toEqual([well.target]);
    expect(room.leftovers().mounts).toHaveLength(1);
  });

  test('a request that takes too long is told once, and the mount is slow as long as it does', async () => {
    let oldestMs = 0;
    const {target, id} = await forge('slow', (client) => {
      client.write(encodeFrame(HELLO));
      const reader = new FrameReader();
      client.on('data', (bytes) => {
        for (const {id: question, do: order} of reader.push(bytes)) {
          const state = {queueDepth: 1, oldestMs, held: 0, frozen: false, shutDown: false};
          client.write(encodeFrame({id: question, ok: order === 'caches' ? {caches: {}} : state}));
        }
      });
    });
    await room.daemon();
    const {heard, close} = await room.listen();
    expect(await room.seen(target, ({health}) => health === 'ok')).toMatchObject({health: 'ok'});
    const begin = performance.now() - 6_000;
    const grow = setInterval(() => {
      oldestMs = performance.now() - begin;
    }, 50);
    expect(await room.seen(target, ({health}) => health === 'slow')).toMatchObject({health: 'slow'});
    // The same request, seen several times more.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    clearInterval(grow);
    oldestMs = 0;
    expect(await room.seen(target, ({health}) => health === 'ok')).toMatchObject({health: 'ok'});
    const told = heard.filter(({event}) => event === 'slow-request');
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({mount: String(id), target, details: {queueDepth: 1, limitSeconds: 5}});
    expect(told[0]!.details['ageSeconds']).toBeGreaterThan(5);
    expect(heard.filter(({event}) => event === 'health').map(({details}) => details['now'])).toEqual([
      'slow',
      'ok',
    ]);
    close();
  });

  test('the death of somebody else’s server is told, and its mount is left to them', async () => {
    await room.daemon();
    const {heard, close} = await room.listen();
    const {image, target} = room.image('foreign');
    const server = room.start('fuse2fs', '-f', '-o', 'ro', image, target);
    const view = await room.seen(target, ({serverPid}) => serverPid !== null);
    expect(view).toMatchObject({ours: false, serverPid: server.pid});
    server.kill('SIGKILL');
    expect(await room.seen(target, ({health}) => health === 'dead')).toMatchObject({
      health: 'dead',
      serverPid: null,
    });
    expect(heard.find(({event}) => event === 'server-died')).toMatchObject({details: {policy: 'keep'}});
    expect(room.leftovers().mounts).toHaveLength(1);
    expect((await room.ask('DELETE', `/v1/mounts/${view!.id}`)).status).toBeLessThan(300);
    expect(room.leftovers().mounts).toEqual([]);
    close();
  });

  test('a request that gets no answer ends its mount where policy says so, and no other', async () => {
    const policy = join(room.dir, 'policy');
    room.run('mkdir', policy);
    writeFileSync(join(policy, 'defaults.toml'), 'request_deadline_seconds = 2\n');
    await room.daemon('--policy', policy);
    const {heard, close} = await room.listen();
    const {target, serverPid} = room.mount('disk');
    const other = room.mount('other');
    await room.seen(target, ({connected}) => connected);
    await room.seen(other.target, ({connected}) => connected);
    for (const pid of [serverPid, other.serverPid]) process.kill(pid, 'SIGSTOP');
    const reader = room.start('cat', join(target, 'struct.ts'));
    const ended = new Promise<number | null>((resolve) => reader.once('exit', resolve));
    expect(await room.unseen(target)).toBe(true);
    expect(await ended).not.toBe(0);
    const told = heard.filter(({event}) => event === 'request-overdue');
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({target, details: {limitSeconds: 2, serverPid}});
    // Stopped, it could not have ended by itself.
    expect(await eventually(() => !runs(serverPid), SOON_MS)).toBe(true);
    // It was silent for as long, but nobody waits for it.
    expect(await room.seen(other.target, ({health}) => health === 'hung')).toMatchObject({health: 'hung'});
    process.kill(other.serverPid, 'SIGCONT');
    expect(await room.seen(other.target, ({health}) => health === 'ok')).toMatchObject({health: 'ok'});
    close();
  });

  test('SIGHUP makes new rules hold for mounts that come', async () => {
    const policy = join(room.dir, 'policy');
    room.run('mkdir', policy);
    const daemon = await room.daemon('--policy', policy);
    writeFileSync(join(policy, 'defaults.toml'), 'on_server_death = "keep"\n');
    process.kill(daemon.pid, 'SIGHUP');
    const said = (text: string) =>
      eventually(() => daemon.log().some(({msg}) => String(msg).includes(text)), SOON_MS);
    expect(await said('policy reloaded')).toBe(true);
    const {target, serverPid} = room.mount('disk');
    process.kill(serverPid, 'SIGKILL');
    expect(await room.seen(target, ({health}) => health === 'dead')).toMatchObject({health: 'dead'});
    // Files that can't be used are told, and the rules from before hold.
    writeFileSync(join(policy, 'defaults.toml'), 'on_server_death = "restart"\n');
    process.kill(daemon.pid, 'SIGHUP');
    expect(await said('policy not reloaded, the old one holds')).toBe(true);
    const other = room.mount('other');
    process.kill(other.serverPid, 'SIGKILL');
    expect(await room.seen(other.target, ({health}) => health === 'dead')).toMatchObject({health: 'dead'});
    expect(daemon.log().find(({level}) => level === 'error')).toMatchObject({
      problems: [expect.stringContaining('on_server_death must be one of "detach", "keep"')],
    });
  });

  test('hostile servers are dropped and told, and others are not affected', async () => {
    const places: Array<Forged & {what: string; expected: string}> = [];
    for (const [index, {what, attack, expected}] of attackers().entries()) {
      places.push({what, expected, ...(await forge(`hostile${index}`, attack))});
    }
    const {target: well, connectionId} = room.mount('well');
    const daemon = await room.daemon();
    for (const {what, target, id, expected} of places) {
      const view = await room.seen(target, ({health}) => health === 'hung');
      expect(view, what).toMatchObject({health: 'hung', ours: true});
      const breaches = daemon.log().filter(({msg, mount}) => msg === 'protocol' && mount === String(id));
      expect(breaches.map(({code}) => code)[0] ?? 'none', what).toBe(expected);
    }
    expect(await room.seen(well, ({health}) => health === 'ok')).toMatchObject({
      health: 'ok',
      connected: true,
    });
    const stats = await room.ask('GET', `/v1/mounts/${connectionId}/stats`);
    expect(stats.status).toBe(200);
    expect((await room.ask('GET', `/v1/mounts/${places[0]!.id}/stats`)).status).toBeGreaterThanOrEqual(400);
    // Dropped is not tried again at once: each was told once, however long it tried.
    const counts = places.map(
      ({id}) => daemon.log().filter(({msg, mount}) => msg === 'protocol' && mount === String(id)).length,
    );
    expect(Math.max(...counts)).toBeLessThanOrEqual(2);
    expect(daemon.log().filter(({level}) => level === 'error')).toEqual([]);
    expect(await daemon.end()).toBe(0);
  });
});

const HELLO = {
  event: 'hello',
  protocol: 1,
  type: 'ext4',
  startedAt: '2024-02-29T12:00:00Z',
  cacheBytes: 65536,
};

/** Servers' ends that break the rules, each in its way, and the code that the breach is told with; none for silence. */
function attackers(): Array<{what: string; attack: (socket: Socket) => void; expected: string}> {
  const greeted =
    (rest: (socket: Socket) => void) =>
    (socket: Socket): void => {
      socket.write(encodeFrame(HELLO));
      rest(socket);
    };
  return [
    {what: 'garbage', attack: (socket) => void socket.write('GET / HTTP/1.1\r\n\r\n'), expected: 'size'},
    {
      what: 'a huge frame',
      attack: greeted((socket) => socket.write(Buffer.from([0x7f, 0xff, 0xff, 0xff]))),
      expected: 'size',
    },
    {
      what: 'wrong ids',
      attack: greeted((socket) => socket.write(encodeFrame({id: 4711, ok: {}}))),
      expected: 'unknown-id',
    },
    {
      what: 'an answer of the wrong shape',
      attack: greeted((socket) => {
        socket.once('data', () => socket.write(encodeFrame({id: 1, ok: {frozen: 'yes'}})));
      }),
      expected: 'schema',
    },
    {
      what: 'a flood',
      attack: (socket) => {
        // One frame whose end never comes would be bounded by its length; this one is many empty promises.
        const chunk = Buffer.concat(Array.from({length: 512}, () => encodeFrame(HELLO)));
        socket.write(encodeFrame(HELLO));
        const pour = (): void => {
          while (!socket.destroyed && socket.write(chunk));
          if (!socket.destroyed) socket.once('drain', pour);
        };
        pour();
      },
      expected: 'unknown-id',
    },
    {what: 'silence after the hello', attack: greeted(() => undefined), expected: 'none'},
    {what: 'silence from the beginning', attack: () => undefined, expected: 'none'},
    {
      what: 'a frame that comes byte by byte and never ends',
      attack: greeted((socket) => {
        socket.write(Buffer.from([0, 0, 0xff, 0xff]));
        const drip = setInterval(() => {
          if (socket.destroyed) clearInterval(drip);
          else socket.write(' ');
        }, 50);
      }),
      expected: 'none',
    },
    {what: 'a connection that ends at once', attack: (socket) => void socket.destroy(), expected: 'none'},
  ];
}
