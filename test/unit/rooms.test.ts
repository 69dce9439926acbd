import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect, test} from 'vitest';
import {CHECKOUT} from '../support/checkout.js';

/** Which room may import which, as ARCHITECTURE.md has it. */
const MAY: Readonly<Record<string, readonly string[]>> = {
  sys: [],
  start: ['server', 'sys'],
  wire: [],
  block: [],
  control: ['wire'],
  policy: [],
  service: ['control', 'sys', 'wire'],
  launch: ['control', 'policy', 'sys', 'wire'],
  helper: ['control', 'policy', 'service', 'sys'],
  fuse: ['sys', 'wire'],
  iomap: ['block', 'fuse', 'sys', 'wire'],
  ext4: ['block', 'wire'],
  stripefs: ['block'],
  server: ['block', 'control', 'ext4', 'fuse', 'iomap', 'service', 'stripefs', 'sys', 'wire'],
  probe: ['server', 'sys'],
  adapter: ['control', 'server', 'service', 'sys'],
  relay: ['control', 'server', 'sys'],
  observe: ['control', 'fuse', 'server', 'sys', 'wire'],
  manager: ['control', 'fuse', 'helper', 'launch', 'policy', 'server', 'service', 'start', 'sys', 'wire'],
  admin: ['manager', 'sys'],
};

const SRC = join(CHECKOUT, 'src');
const ROOMS = readdirSync(SRC).filter((room) => room !== 'cli');

test.each(ROOMS)('src/%s imports only what the architecture lets it', (room) => {
  const allowed = MAY[room];
  expect(allowed, `${room} is not in the table`).toBeDefined();
  const files = readdirSync(join(SRC, room), {recursive: true, encoding: 'utf8'}).filter((name) =>
    name.endsWith('.ts'),
  );
  const strangers = files.flatMap((name) => {
    const text = readFileSync(join(SRC, room, name), 'utf8');
    const paths = [...text.matchAll(/(?:from|import) '(\.[^']+)'/g)].map((match) =>
      join(SRC, room, name, '..', match[1]!),
    );
    return paths
      .map((path) => path.slice(SRC.length + 1).split('/')[0]!)
      .filter((other) => other !== room && !allowed!.includes(other))
      .map((other) => `${name} imports ${other}`);
  });
  expect(strangers).toEqual([]);
});

test('nothing but sys calls libc', () => {
  const users = ROOMS.flatMap((room) =>
    readdirSync(join(SRC, room), {recursive: true, encoding: 'utf8'})
      .filter(
        (name) =>
          name.endsWith('.ts') && readFileSync(join(SRC, room, name), 'utf8').includes("from 'koffi'"),
      )
      .map((name) => `${room}/${name}`),
  );
  expect(users.filter((name) => !name.startsWith('sys/'))).toEqual([]);
});
