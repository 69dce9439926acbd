import {expect, test} from 'vitest';
import {grantHint} from '../../../src/cli/mount/grant-hint.js';
import {procHint} from '../../../src/cli/mount/proc-hint.js';
import {parseMountInfo} from '../../../src/sys/mount-info.js';

const grants = [{writable: false, path: '/srv/keys', place: '/keys'}];
const hint = (line: string): string | undefined =>
  grantHint(['nothing', line], {grants, network: 'none', file: '/etc/fuseward/policy.d/x.toml'});

test.each([
  ['x: /srv/a.conf: No such file or directory', '/srv/a.conf'],
  ["can't open `/etc/x/y': Permission denied", '/etc/x/y'],
  ['open /home/ada/.config/rclone.conf: ENOENT', '/home/ada/.config/rclone.conf'],
  ["[Errno 13] Permission denied: '/var/lib/x'", '/var/lib/x'],
  ['open /home/ada/.config/foo/conf.yml: no such file or directory', '/home/ada/.config/foo/conf.yml'],
  ['open /etc/foo/key.pem: permission denied', '/etc/foo/key.pem'],
  ['cannot create /var/cache/foo: Directory nonexistent', '/var/cache/foo'],
  ['cannot open /tmp/key: No such file or directory', '/tmp/key'],
  ['//upper/: No such file or directory', '/upper'],
])('%j names %s', (line, path) => {
  expect(hint(line)).toBe(
    `it is not granted ${path}; if it should be: [server] grants = ["ro:/srv/keys:/keys", "ro:${path}"] in /etc/fuseward/policy.d/x.toml`,
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

test.each([
  'ssh: Could not resolve hostname nas: Temporary failure in name resolution',
  '/dev/tcp/192.0.2.1/443: Address family not supported by protocol',
  'dial tcp 192.0.2.1:443: connect: network is unreachable',
  'ssh: connect to host 127.0.0.1 port 22: Permission denied',
  'dial tcp 127.0.0.1:8080: connect: connection refused',
])('%j is a matter of the network', (line) => {
  const hints = (['none', ['a:1'], 'host'] as const).map((network) =>
    grantHint([line], {grants, network, file: 'x.toml'}),
  );
  expect(hints).toEqual([
    'it is granted no network; if there should be more: [server] network = ["host:port"] in x.toml',
    'it is granted nothing of the network but a:1; if there should be more: [server] network = ["a:1", "host:port"] in x.toml',
    undefined,
  ]);
});

test('what it may only read is told with the whole list that would let it write', () => {
  const more = [...grants, {writable: true, path: '/srv/state', place: '/srv/state'}];
  const line = "can't create '/keys/lock': Read-only file system";
  expect(grantHint([line], {grants: more, network: 'none', file: 'x.toml'})).toBe(
    'it may only read /keys; if it should write there: [server] grants = ["rw:/srv/keys:/keys", "rw:/srv/state"] in x.toml',
  );
  expect(hint('/var/cache/x: Read-only file system')).toMatch(/not granted .* "rw:\/var\/cache\/x"\]/);
});

test('a /proc that something is mounted on is named', () => {
  const mounts = parseMountInfo(
    '1 0 0:4 / /proc rw - proc proc rw\n2 1 0:4 /sys /proc/sys ro - proc proc rw\n',
  );
  expect(procHint("bwrap: Can't mount proc on /newroot/proc: Operation not permitted", mounts)).toMatch(
    /^something is mounted on \/proc\/sys, and the kernel lets no sandbox have a \/proc/,
  );
  expect(procHint('something else', mounts)).toBeUndefined();
});
