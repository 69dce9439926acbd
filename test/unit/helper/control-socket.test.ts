import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import {connect} from 'node:net';
import {tmpdir} from 'node:os';
import {basename, join} from 'node:path';
import {afterEach, beforeEach, describe, test} from 'vitest';
import {ControlSocket} from '../../../src/helper/control-socket.js';
import {acceptConnection} from '../../../src/sys/socket.js';

describe('a control socket', () => {
  let place: string;
  beforeEach(() => {
    place = mkdtempSync(join(tmpdir(), 'fuseward-socket-'));
  });
  afterEach(() => rmSync(place, {recursive: true}));

  const modeOf = (path: string): number => lstatSync(path).mode & 0o777;

  test('lies in a directory of its owner alone, under a name that nobody guesses', async () => {
    const directory = join(place, 'run', 'control');
    const socket = new ControlSocket(directory);
    assert.equal(socket.path, undefined);
    using listening = socket.listen();
    const path = socket.path!;
    assert.match(basename(path), /^[0-9a-f]{16}\.sock$/);
    assert.deepEqual([modeOf(directory), modeOf(path)], [0o700, 0o600]);
    const client = connect(path);
    await new Promise((resolve) => client.once('connect', resolve));
    acceptConnection(listening.fd).close();
    client.destroy();
    socket.remove();
    assert.equal(existsSync(path), false);
    socket.remove();
  });

  test('is made once', () => {
    const socket = new ControlSocket(join(place, 'control'));
    socket.listen().close();
    assert.throws(() => socket.listen(), {code: 'EBUSY'});
    assert.equal(existsSync(socket.path!), true);
  });

  test('closes a directory that others could enter', () => {
    mkdirSync(join(place, 'control'));
    chmodSync(join(place, 'control'), 0o777);
    new ControlSocket(join(place, 'control')).listen().close();
    assert.equal(modeOf(join(place, 'control')), 0o700);
  });

  test('is not made where a link leads', () => {
    mkdirSync(join(place, 'elsewhere'));
    symlinkSync('elsewhere', join(place, 'control'));
    const socket = new ControlSocket(join(place, 'control'));
    assert.throws(() => socket.listen(), {code: 'EPERM'});
    assert.equal(socket.path, undefined);
  });

  test.skipIf(process.geteuid?.() !== 0)("is not made in somebody else's directory (needs root)", () => {
    mkdirSync(join(place, 'control'));
    chownSync(join(place, 'control'), 65534, 65534);
    assert.throws(() => new ControlSocket(join(place, 'control')).listen(), {code: 'EPERM'});
  });
});
