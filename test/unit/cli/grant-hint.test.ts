import {expect, test} from 'vitest';
import {grantHint} from '../../../src/cli/mount/grant-hint.js';

const grants = [{writable: false, path: '/srv/keys', place: '/keys'}];
const hint = (line: string): string | undefined =>
  grantHint(['nothing', line], {grants, file: '/etc/fuseward/policy.d/x.toml'});

test.each([
  ['x: /srv/a.conf: No such file or directory', '/srv/a.conf'],
  ["can't open `/etc/x/y': Permission denied", '/etc/x/y'],
  ['open /home/ada/.config/rclone.conf: ENOENT', '/home/ada/.config/rclone.conf'],
  ["[Errno 13] Permission denied: '/var/lib/x'", '/var/lib/x'],
])('%j names %s', (line, path) => {
  expect(hint(line)).toBe(
    `it is not granted ${path}; if it should be: [server] grants = ["ro:${path}"] in /etc/fuseward/policy.d/x.toml`,
  );
});

test.each([
  'No such file or directory',
  '/srv/a.conf: Input/output error',
  '/usr/lib/x.so: No such file or directory',
  '/dev/fuse: Permission denied',
  '/fuseward/source/x: Permission denied',
  '/keys/id: Permission denied',
  '/: Permission denied',
])('%j names nothing that could be granted', (line) => {
  expect(hint(line)).toBeUndefined();
});
