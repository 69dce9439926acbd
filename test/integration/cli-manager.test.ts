import {linkSync} from 'node:fs';
import {createServer} from 'node:http';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import {ManagerError} from '../../src/manager/face.js';
import type {ManagerEvent} from '../../src/manager/model.js';
import {FakeManager, mountView} from '../unit/admin/fake-manager.js';
import {type Ended, ended, FakeDaemon, Program} from './cli-support.js';

let program: Program;
let daemon: FakeDaemon;

beforeAll(() => {
  program = new Program();
});
afterAll(() => program.remove());
beforeEach(async () => {
  daemon = new FakeDaemon();
  await daemon.start();
});
afterEach(() => daemon.remove());

/** A command that asks the manager of this test. */
function ask(...args: string[]): Promise<Ended> {
  return program.run(args, {FUSEWARD_SOCKET: daemon.socket});
}

function event(id: number, changes: Partial<ManagerEvent> = {}): ManagerEvent {
  return {
    id,
    time: '2026-03-01T10:06:00.000Z',
    event: 'mounted',
    mount: '41',
    target: '/mnt/41',
    details: {source: '/images/41.img'},
    ...changes,
  };
}

describe('commands that show something', () => {
  test('ls lists what the manager lists, with foreign names made visible', async () => {
    const {code, stdout, stderr} = await ask('ls');
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^ID +TARGET +SOURCE +TYPE +HEALTH +SEAL +SERVER +SINCE$/);
    expect(lines[1]).toContain('42  /home/"a\\\\b"\\nc');
    expect(lines[2]).toMatch(/^41 +\/mnt\/41 +\/images\/41\.img +fuse\.ext4 +ok +2\/3 +4041 /);
  });

  test('ls --json prints the mounts', async () => {
    const {stdout} = await ask('ls', '--json');
    expect(JSON.parse(stdout)).toEqual(daemon.manager.views);
  });

  test('stats shows each kind of request, the most frequent first', async () => {
    const {code, stdout} = await ask('stats', '/mnt/41');
    expect(code).toBe(0);
    expect(stdout.split('\n').map((line) => line.split(/ +/).slice(0, 3))).toEqual(
      expect.arrayContaining([
        ['REQUEST', 'COUNT', 'ERRORS'],
        ['LOOKUP', '50', '7'],
      ]),
    );
    expect(stdout.indexOf('GETATTR')).toBeLessThan(stdout.indexOf('LOOKUP'));
    expect(stdout).toContain('errors: LOOKUP ENOENT 7, READ EIO 1');
    expect(stdout).toContain('requests: 1 at the server, 0 wait in the kernel');
    expect(stdout).toMatch(/^process: 1\.5s of CPU time \(.*\), 38\.1M resident, .*, 11 threads/m);
  });

  test('stats --json prints them as the manager does', async () => {
    const {stdout} = await ask('stats', '41', '--json');
    expect(JSON.parse(stdout)).toEqual(await daemon.manager.stats('41'));
  });

  test('cache shows misses by reason and hit rates for each cache', async () => {
    const {code, stdout} = await ask('cache', '41');
    expect(code).toBe(0);
    const lines = new Map(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => [line.slice(0, 20).trim(), line.slice(20).trim().split(/ {2,}/)]),
    );
    expect(lines.get('CACHE')).toEqual(['BLOCK', 'INODE', 'DIRECTORY', 'MAPPING']);
    expect(lines.get('misses')?.[0]).toBe('23');
    expect(['cold', 'evicted', 'invalidated', 'bypassed'].map((reason) => lines.get(reason)?.[0])).toEqual([
      '17',
      '2',
      '1',
      '3',
    ]);
    expect(lines.get('hit rate, 10 second')).toBeUndefined();
    expect(lines.get('hit rate, 1 minute')?.[0]).toBe('50.0 %');
    expect(lines.get('hit rate, all')?.[0]).toBe('84.0 %');
  });

  test('cache --drop and --limit reach the manager and show what is left', async () => {
    expect((await ask('cache', '/mnt/41', '--drop')).stdout).toMatch(/^CACHE /);
    expect((await ask('cache', '/mnt/41', '--limit', '32M', '--json')).stdout).toMatch(/^\{/);
    expect(daemon.manager.calls).toContainEqual(['dropCaches', '41']);
    expect(daemon.manager.calls).toContainEqual(['limitCache', '41', 32 * 2 ** 20]);
  });

  test('status tells what only the manager knows, even for a mount that is not in our table', async () => {
    daemon.manager.views[0] = mountView('41', {health: 'slow', frozen: true});
    const {code, stdout} = await ask('status', '41');
    expect(code).toBe(0);
    expect(stdout).toContain('health: slow: a request is older than it should be');
    expect(stdout).toContain('connected to the server, 1 requests at the server, changes are held (frozen)');
    expect(stdout).toContain('seal: 1 of 3 points verified, landlock reported by the server; cgroup missing');
    const asJson = JSON.parse((await ask('status', '41', '--json')).stdout) as {manager: unknown};
    expect(asJson.manager).toEqual(daemon.manager.views[0]);
  });

  test('top --count prints a line for each mount and sample, with the time in front', async () => {
    const {code, stdout} = await ask('top', '--count', '2', '--interval', '0.1');
    expect(code).toBe(0);
    const [titles, ...lines] = stdout.trimEnd().split('\n');
    expect(titles).toMatch(/^TIME +HEALTH +OPS\/S .* TARGET$/);
    expect(lines).toHaveLength(4);
    for (const line of lines) expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ +(ok|unknown) /);
    expect(lines.filter((line) => line.endsWith(' /mnt/41'))).toHaveLength(2);
    expect(stdout).not.toContain('\x1b');
  });
});

describe('orders', () => {
  for (const order of ['freeze', 'thaw', 'sync', 'shutdown'] as const) {
    test(`${order} gives that order, and says nothing when it is done`, async () => {
      const {code, stdout, stderr} = await ask(order, '/mnt/41');
      expect([code, stdout, stderr]).toEqual([0, '', '']);
      expect(daemon.manager.calls).toContainEqual(['order', '41', order]);
    });
  }

  test('a refusal is one sentence with its advice, and exit code 1', async () => {
    daemon.manager.order = async () => {
      throw new ManagerError('timeout', 'no-answer', "can't freeze /mnt/41: its server does not answer", {
        hint: 'fuseward umount --force ends it.',
      });
    };
    const {code, stdout, stderr} = await ask('freeze', '/mnt/41');
    expect(stderr).toBe(
      "fuseward: can't freeze /mnt/41: its server does not answer; fuseward umount --force ends it\n",
    );
    expect([code, stdout]).toEqual([1, '']);
  });

  test('a refusal can hold nothing that a terminal would act upon', async () => {
    daemon.manager.order = async () => {
      throw new ManagerError('server-failed', 'refused', 'the server says "\x1b]0;evil\x07\x9b2J\u202e"');
    };
    expect((await ask('sync', '41')).stderr).toBe(
      'fuseward: the server says "\\x1b]0;evil\\x07\\x9b2J\\u{202e}"\n',
    );
  });

  const unknown: Array<[target: string, says: string]> = [
    ['/nowhere', 'there is no mount of a FUSE server on /nowhere'],
    ['999', 'there is no mount of a FUSE server with the id 999'],
  ];
  for (const [target, says] of unknown) {
    test(`a target that is not there: ${target}`, async () => {
      const {code, stderr} = await ask('freeze', target);
      expect([code, stderr]).toEqual([1, `fuseward: ${says}\n`]);
    });
  }
});

describe('events', () => {
  test('--since begins with those that are kept, --count ends it', async () => {
    daemon.manager.kept.push(event(1), event(2, {event: 'health', details: {from: 'ok', to: 'slow\x1b[2J'}}));
    const {code, stdout} = await ask('events', '--since', '0', '--count', '2');
    expect(code).toBe(0);
    expect(stdout.split('\n')).toEqual([
      '2026-03-01T10:06:00.000Z  1  mounted  /mnt/41 [41]  source=/images/41.img',
      '2026-03-01T10:06:00.000Z  2  health  /mnt/41 [41]  from=ok  to=slow\\x1b[2J',
      '',
    ]);
  });

  test('--json prints one object a line', async () => {
    daemon.manager.kept.push(event(1));
    const {stdout} = await ask('events', '--since', '0', '--count', '1', '--json');
    expect(JSON.parse(stdout)).toEqual(daemon.manager.kept[0]);
  });

  test('after a restart of the manager it goes on with the events of the new one', async () => {
    daemon.manager.kept.push(event(1), event(2));
    const child = program.start(['events', '--since', '0', '--count', '3'], {FUSEWARD_SOCKET: daemon.socket});
    const end = ended(child);
    await new Promise<void>((resolve) => {
      child.stdout!.on('data', (text: string) => {
        if (text.includes('  2  ')) resolve();
      });
    });
    await daemon.stop();
    daemon.manager.startedAt = '2026-03-01T11:00:00.000Z';
    daemon.manager.kept.splice(0, 2, event(1, {event: 'stale'}));
    await daemon.start();
    const {code, stdout, stderr} = await end;
    expect(stdout.split('\n').map((line) => line.split('  ').slice(1, 3))).toEqual([
      ['1', 'mounted'],
      ['2', 'mounted'],
      ['1', 'stale'],
      [],
    ]);
    expect(stderr).toContain('the manager went away; waiting for it');
    expect(stderr).toContain('some events were missed');
    expect(code).toBe(0);
  });

  const restarts: Array<[what: string, startedAt: string, told: string[]]> = [
    ['the same manager goes on', '2026-03-01T10:00:00.000Z', ['2']],
    ['a new manager tells all that it knows', '2026-03-01T11:00:00.000Z', ['1', '2']],
  ];
  for (const [what, startedAt, told] of restarts) {
    test(`without an event so far, ${what} after a pause`, async () => {
      daemon.manager.kept.push(event(1));
      const child = program.start(['events', '--count', String(told.length)], {
        FUSEWARD_SOCKET: daemon.socket,
      });
      const end = ended(child);
      expect(await eventually(() => daemon.manager.listeners.size === 1, 10_000)).toBe(true);
      await daemon.stop();
      daemon.manager.startedAt = startedAt;
      await daemon.start();
      expect(await eventually(() => daemon.manager.listeners.size === 1, 10_000)).toBe(true);
      daemon.manager.happen();
      const {stdout, stderr} = await end;
      expect(stdout.split('\n').flatMap((line) => line.split('  ')[1] ?? [])).toEqual(told);
      expect(stderr).toBe('fuseward: the manager went away; waiting for it\nfuseward: the manager is back\n');
    });
  }

  test('a reader that goes away ends it', async () => {
    daemon.manager.kept.push(event(1));
    const child = program.start(['events', '--since', '0'], {FUSEWARD_SOCKET: daemon.socket});
    child.stdout!.once('data', () => child.stdout!.destroy());
    const end = new Promise((resolve) => child.once('exit', (code, signal) => resolve([code, signal])));
    const more = setInterval(() => {
      for (const listener of daemon.manager.listeners) listener(event(daemon.manager.kept.length + 1));
      daemon.manager.kept.push(event(daemon.manager.kept.length + 1));
    }, 50);
    expect(await end).toEqual([0, null]);
    clearInterval(more);
  });
});

describe('without a manager', () => {
  const NOBODY = '/nonexistent/admin.sock';

  for (const args of [['ls'], ['ls', '--json'], ['top', '--once', '--interval', '0.1']]) {
    test(`${args.join(' ')} tells what the kernel tells, and says so on standard error`, async () => {
      const {code, stdout, stderr} = await program.run([...args, '--socket', NOBODY]);
      expect(code).toBe(0);
      expect(stdout).toMatch(args.includes('--json') ? /^\[/ : /^(ID|TIME) /);
      expect(stderr).toBe(
        `fuseward: no manager is listening on ${NOBODY}, so this is only what the kernel tells ` +
          '(start one with "fuseward daemon")\n',
      );
    });
  }

  for (const args of [
    ['events'],
    ['freeze', '/'],
    ['thaw', '/'],
    ['sync', '/'],
    ['shutdown', '/'],
    ['cache', '/', '--drop'],
    ['cache', '/', '--limit', '1M'],
  ]) {
    test(`${args.join(' ')} fails with one sentence that says how to start one`, async () => {
      const {code, stdout, stderr} = await program.run([...args, '--socket', NOBODY]);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toBe(
        `fuseward: no manager is listening on ${NOBODY}; start one with "fuseward daemon"\n`,
      );
    });
  }

  test('a socket that nobody listens on any more is the same as none', async () => {
    const {dir} = daemon;
    const path = join(dir, 'left.sock');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    // Closing removes the path, so a second name is kept.
    linkSync(path, join(dir, 'old.sock'));
    await new Promise((resolve) => server.close(resolve));
    const {stderr} = await program.run(['sync', '/', '--socket', join(dir, 'old.sock')]);
    expect(stderr).toMatch(/^fuseward: no manager is listening on /);
  });
});

describe('a manager that is of no use', () => {
  test('one that does not answer is told apart from none', async () => {
    const path = join(daemon.dir, 'silent.sock');
    const server = createServer(() => undefined);
    await new Promise<void>((resolve) => server.listen(path, resolve));
    try {
      const {code, stdout, stderr} = await program.run(['ls', '--socket', path]);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^ID /);
      expect(stderr).toBe(
        `fuseward: the manager on ${path} does not answer, so this is only what the kernel tells\n`,
      );
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  test('one that breaks off in the middle of an answer', async () => {
    const path = join(daemon.dir, 'broken.sock');
    const server = createServer((request, response) => {
      if (request.url === '/healthz') {
        response.setHeader('content-type', 'application/json').end('{"status": "ok"}');
      } else {
        response.writeHead(200, {'content-type': 'application/json', 'content-length': 1000});
        response.write('{"mounts": [', () => request.socket.destroy());
      }
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    try {
      const {code, stdout, stderr} = await program.run(['ls', '--socket', path]);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(/^fuseward: the manager on .* broke off: [^\n]*\n$/);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  test('a path that is too long for a socket', async () => {
    const path = `/tmp/${'x'.repeat(200)}`;
    expect((await program.run(['sync', '/', '--socket', path])).stderr).toBe(
      `fuseward: ${path} is too long for the path of a socket\n`,
    );
  });
});

describe('something else listens', () => {
  const bodies: Array<[what: string, type: string, body: string]> = [
    ['a page', 'text/html', '<h1>It works</h1>'],
    ['JSON of another program', 'application/json', '{"containers": []}'],
    ['half of JSON', 'application/json', '{"mounts": ['],
    ['null', 'application/json', 'null'],
  ];
  for (const [what, type, body] of bodies) {
    test(`${what} is told apart from the manager`, async () => {
      const path = join(daemon.dir, 'other.sock');
      const server = createServer((request, response) => {
        if (request.url === '/healthz') {
          response.setHeader('content-type', 'application/json').end('{"status": "ok"}');
        } else response.setHeader('content-type', type).end(body);
      });
      await new Promise<void>((resolve) => server.listen(path, resolve));
      try {
        const {code, stdout, stderr} = await program.run(['ls', '--socket', path]);
        expect([code, stdout]).toEqual([1, '']);
        expect(stderr).toBe(`fuseward: what answers on ${path} is not the manager of fuseward\n`);
      } finally {
        await new Promise((resolve) => server.close(resolve));
      }
    });
  }

  test('the same mounts twice: the one on top is chosen by path, each by its id', async () => {
    const twice = new FakeManager([
      mountView('50', {target: '/mnt/x', source: '/below'}),
      mountView('51', {target: '/mnt/x', source: '/above'}),
    ]);
    const other = new FakeDaemon(twice);
    await other.start();
    try {
      for (const [target, id] of [
        ['/mnt/x', '51'],
        ['/mnt/x/', '51'],
        ['50', '50'],
      ] as const) {
        await program.run(['sync', target, '--socket', other.socket]);
        expect(twice.calls.at(-1)).toEqual(['order', id, 'sync']);
      }
    } finally {
      await other.remove();
    }
  });
});
