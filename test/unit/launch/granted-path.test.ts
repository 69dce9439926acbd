import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {findProgram} from '../../../src/launch/command-program.js';
import {openGranted} from '../../../src/launch/granted-path.js';
import {openSecret} from '../../../src/launch/secrets.js';
import {stateDirectory} from '../../../src/launch/state-directory.js';
import {statFd} from '../../../src/sys/fd.js';
import {F_SEAL_WRITE, sealsOf} from '../../../src/sys/memfd.js';

const ADA = 4711;
let dir: string;

beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'fuseward-grant-')));
  mkdirSync(join(dir, 'a/b'), {recursive: true});
  writeFileSync(join(dir, 'a/b/file'), 'content', {mode: 0o600});
});
afterEach(() => rmSync(dir, {recursive: true}));

describe.skipIf(process.getuid?.() !== 0)(
  'a path that policy grants (needs root, whose links are followed)',
  () => {
    const opened = (path: string): bigint => {
      using fd = openGranted(join(dir, path));
      return statFd(fd.fd).ino;
    };
    const inode = (path: string): bigint => statSync(join(dir, path), {bigint: true}).ino;

    test.each<[what: string, path: string, links: Record<string, string>]>([
      ['plain', 'a/b/file', {}],
      ['a relative link', 'a/link', {'a/link': 'b/file'}],
      ['a link up', 'a/b/link', {'a/b/link': '../b/file'}],
      ['a link in the middle', 'link/file', {link: 'a/b'}],
      ['a link to a link', 'second', {link: 'a/b', second: 'link/file'}],
      ['an absolute link', 'absolute', {absolute: '/DIR/a/b/file'}],
      ['a link above the root', 'above', {above: '../../../../../../../..//DIR/a/b/file'}],
    ])('%s', (_, path, links) => {
      for (const [link, place] of Object.entries(links)) {
        symlinkSync(place.replace('/DIR', dir), join(dir, link));
      }
      expect(opened(path)).toBe(inode('a/b/file'));
    });

    test.each<[what: string, arrange: () => string, says: RegExp]>([
      ['nothing there', () => 'a/x', /no such file/],
      ['a file on the way', () => 'a/b/file/x', /not a directory/],
      [
        "a user's link",
        () => {
          symlinkSync('a/b', join(dir, 'link'));
          lchownSync(join(dir, 'link'), ADA, ADA);
          return 'link/file';
        },
        /symbolic link \(link\) that others/,
      ],
      [
        "root's link in a user's directory",
        () => {
          symlinkSync('b/file', join(dir, 'a/link'));
          chownSync(join(dir, 'a'), ADA, ADA);
          return 'a/link';
        },
        /symbolic link \(link\) that others/,
      ],
      [
        "root's link where everybody may write",
        () => {
          symlinkSync('b/file', join(dir, 'a/link'));
          chmodSync(join(dir, 'a'), 0o777);
          return 'a/link';
        },
        /symbolic link \(link\) that others/,
      ],
      [
        'a circle',
        () => {
          symlinkSync('circle', join(dir, 'circle'));
          return 'circle';
        },
        /symbolic links/,
      ],
    ])('%s is not opened', (_, arrange, says) => {
      const path = arrange();
      expect(() => opened(path)).toThrow(says);
    });

    test("root's link in a sticky directory of everybody's is root's", () => {
      symlinkSync('b/file', join(dir, 'a/link'));
      chmodSync(join(dir, 'a'), 0o1777);
      expect(opened('a/link')).toBe(inode('a/b/file'));
    });
  },
);

describe.skipIf(process.getuid?.() !== 0)('a secret (needs root, whose it must be)', () => {
  test('is a copy that nobody can change', () => {
    using fd = openSecret(join(dir, 'a/b/file'));
    expect(readFileSync(`/proc/self/fd/${fd.fd}`, 'utf8')).toBe('content');
    expect(sealsOf(fd.fd) & F_SEAL_WRITE).not.toBe(0);
    writeFileSync(join(dir, 'a/b/file'), 'other');
    expect(readFileSync(`/proc/self/fd/${fd.fd}`, 'utf8')).toBe('content');
  });

  test.each<[what: string, arrange: (file: string) => void, says: RegExp]>([
    ['that everybody can read', (file) => chmodSync(file, 0o644), /chmod 600/],
    ['that its group can write', (file) => chmodSync(file, 0o660), /chmod 600/],
    ["of a user's", (file) => chownSync(file, ADA, ADA), /does not belong to root/],
    ['that is huge', (file) => truncateSync(file, 65_537), /more than 65536 bytes/],
  ])('%s is none', (_, arrange, says) => {
    const file = join(dir, 'a/b/file');
    arrange(file);
    expect(() => openSecret(file)).toThrow(says);
  });

  test('is a file', () => {
    expect(() => openSecret(join(dir, 'a/b'))).toThrow(/not a regular file/);
    expect(() => openSecret('/dev/null')).toThrow(/not a regular file/);
  });
});

test.skipIf(process.getuid?.() !== 0)(
  'a state directory is one for each type, user and source (needs root)',
  () => {
    const owner = {type: 'x', callerUid: 0, source: '/disk.img'};
    const base = join(dir, 'state');
    const first = stateDirectory(owner, base);
    writeFileSync(join(first, 'kept'), '');
    expect(stateDirectory(owner, base)).toBe(first);
    expect(readFileSync(join(first, 'kept'), 'utf8')).toBe('');
    expect(statSync(first)).toMatchObject({uid: 65_534, mode: 0o040700});
    expect(statSync(base)).toMatchObject({uid: 0, mode: 0o040700});
    expect(JSON.parse(readFileSync(join(first, '../source.json'), 'utf8'))).toEqual(owner);
    const others = [
      {...owner, type: 'y'},
      {...owner, callerUid: ADA},
      {...owner, source: '/other.img'},
    ];
    expect(new Set([first, ...others.map((each) => stateDirectory(each, base))]).size).toBe(4);
  },
);

test('a program is found where the system has its own, and its package is named', () => {
  expect(findProgram('sh')).toBe('/usr/bin/sh');
  expect(findProgram('/bin/sh')).toBe('/bin/sh');
  expect(() => findProgram('/etc/passwd')).toThrow('/etc/passwd is not executable');
  expect(() => findProgram('/etc')).toThrow('/etc is not a file');
  expect(() => findProgram('/no/such/thing')).toThrow('there is no program /no/such/thing');
  expect(() => findProgram('no-such-program')).toThrow(
    'there is no program no-such-program in /usr/bin, /usr/sbin, /usr/local/bin, /bin, /sbin',
  );
});
