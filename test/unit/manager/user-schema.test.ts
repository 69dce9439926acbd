import {expect, test} from 'vitest';
import {readUserRequest} from '../../../src/manager/user-schema.js';

const bytes = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
const MOUNT = {version: 1, do: 'mount', options: []};
const UMOUNT = {version: 1, do: 'umount', mountId: 7, lazy: false, force: true};

test.each<[what: string, value: object]>([
  ['a mount', MOUNT],
  ['a mount with type and options', {...MOUNT, type: 'fuse.ext4', options: ['ro,noexec', 'nosuid']}],
  ['an unmount', UMOUNT],
  ['a list', {version: 1, do: 'ls'}],
])('%s', (_what, value) => {
  expect(readUserRequest(bytes(value))).toEqual(value);
});

test.each<[what: string, value: unknown]>([
  ['nothing', ''],
  ['half of one', JSON.stringify(MOUNT).slice(0, -3)],
  ['bytes that are no text', '\u0000\u0001'],
  ['another version', {...MOUNT, version: 2}],
  ['no version', {do: 'ls'}],
  ['another order', {version: 1, do: 'shutdown'}],
  ['a user id of its own', {...MOUNT, uid: 0}],
  ['a path', {...MOUNT, source: '/etc/shadow'}],
  ['a policy directory', {...MOUNT, policy: '/tmp'}],
  ['a type that would be an option', {...MOUNT, type: '--policy=/tmp'}],
  ['a type with a slash', {...MOUNT, type: '../ext4'}],
  ['an option with a NUL', {...MOUNT, options: ['ro\u0000']}],
  ['options without end', {...MOUNT, options: Array(65).fill('ro')}],
  ['an option that is longer than mount(2) takes', {...MOUNT, options: ['x'.repeat(4096)]}],
  ['a mount id that is none', {...UMOUNT, mountId: -1}],
  ['a mount id between two', {...UMOUNT, mountId: 1.5}],
  ['a prototype', '{"version":1,"do":"ls","__proto__":{"uid":0}}'],
  ['a list around it', [MOUNT]],
])('%s is none', (_what, value) => {
  expect(readUserRequest(bytes(value))).toBeUndefined();
});

test('bytes that are no UTF-8 are none', () => {
  expect(readUserRequest(Uint8Array.of(0x7b, 0xff, 0x7d))).toBeUndefined();
});
