import {chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from 'vitest';
import {InheritedFds} from '../../../src/launch/inherited-fds.js';
import {programWords} from '../../../src/launch/program-file.js';
import type {Runtime} from '../../../src/launch/runtime.js';

let room: string;
let runtime: Runtime;

beforeEach(() => {
  room = mkdtempSync('/tmp/fuseward-program-');
  chmodSync(room, 0o755);
  mkdirSync(join(room, 'native'));
  for (const name of ['server.js', 'server.main.cache', 'native/koffi.node'])
    writeFileSync(join(room, name), name, {mode: 0o644});
  runtime = {
    ...{node: process.execPath, nodeReachable: true, libraries: [], data: []},
    program: join(room, 'server.js'),
    parts: new Map([['.main.cache', join(room, 'server.main.cache')]]),
    native: join(room, 'native/koffi.node'),
  };
});

afterEach(() => rmSync(room, {recursive: true}));

/** What comes to each place in a sandbox: a path that is shown there, or the text of a copy. */
function shownBy(words: readonly string[], fds: InheritedFds): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const [index, word] of words.entries()) {
    const [what = '', place = ''] = words.slice(index + 1);
    if (word === '--ro-bind') shown[place] = what;
    if (word === '--ro-bind-data')
      shown[place] = `copy of ${readFileSync(fds.list[Number(what) - 4]!, 'utf8')}`;
  }
  return shown;
}

test('files that everybody can read are shown where they lie', () => {
  using fds = new InheritedFds();
  expect(shownBy(programWords(runtime, fds), fds)).toEqual({
    '/fuseward/program.js': join(room, 'server.js'),
    '/fuseward/program.main.cache': join(room, 'server.main.cache'),
    '/fuseward/koffi.node': join(room, 'native/koffi.node'),
  });
  expect(fds.list).toEqual([]);
});

test('one that others can not read, or not get to, comes as a copy', () => {
  chmodSync(join(room, 'server.js'), 0o640);
  chmodSync(join(room, 'native'), 0o750);
  using fds = new InheritedFds();
  expect(shownBy(programWords(runtime, fds), fds)).toEqual({
    '/fuseward/program.js': 'copy of server.js',
    '/fuseward/program.main.cache': join(room, 'server.main.cache'),
    '/fuseward/koffi.node': 'copy of native/koffi.node',
  });
});

test('a program that was not built is told of', () => {
  rmSync(runtime.program);
  using fds = new InheritedFds();
  expect(() => programWords(runtime, fds)).toThrow(
    `can't start a contained server: ${runtime.program} is missing: run npm run build`,
  );
});
