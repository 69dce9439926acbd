import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {RootTree} from '../../../src/cli/install/root-tree.js';

let dir: string;
let root: string;
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'fuseward-tree-')));
  root = join(dir, 'root');
  mkdirSync(join(root, 'usr/lib'), {recursive: true});
  mkdirSync(join(dir, 'outside'));
});
afterEach(() => rmSync(dir, {recursive: true}));

describe('symlinks stay inside', () => {
  const links: Array<[what: string, target: string, leads: string]> = [
    ['a relative one', 'usr/lib', 'usr/lib'],
    ['an absolute one', '/usr/lib', 'usr/lib'],
    ['one that climbs', '../../../../usr/lib', 'usr/lib'],
    ['one that climbs below the root', 'usr/../usr/lib', 'usr/lib'],
    ['one to the root', '/', ''],
  ];
  for (const [what, target, leads] of links) {
    test(what, () => {
      symlinkSync(target, join(root, 'link'));
      expect(new RootTree(root).place('/link/file')).toBe(join(root, leads, 'file'));
    });
  }

  test('an absolute one starts at the root, wherever it lies', () => {
    symlinkSync('/usr', join(root, 'usr/lib/link'));
    expect(new RootTree(root).place('/usr/lib/link/file')).toBe(join(root, 'usr/file'));
  });

  test('an absolute one to a directory outside makes nothing there', () => {
    symlinkSync(join(dir, 'outside'), join(root, 'link'));
    const tree = new RootTree(root);
    expect(tree.place('/link/file')).toBe(join(root, dir, 'outside/file'));
    expect(() => tree.writeFile('/link/file', Buffer.from('x'))).toThrow('ENOENT');
    expect(readdirSync(join(dir, 'outside'))).toEqual([]);
  });

  test('one to nothing and up again is refused', () => {
    symlinkSync('nothing/../../../outside', join(root, 'link'));
    expect(() => new RootTree(root).place('/link/file')).toThrow(
      /can't reach \/link\/file: .*nothing is not there/,
    );
  });

  test('a circle is refused', () => {
    symlinkSync('b', join(root, 'a'));
    symlinkSync('a', join(root, 'b'));
    expect(() => new RootTree(root).place('/a/file')).toThrow("can't reach /a/file: too many symlinks");
  });

  test('the last name is not followed: a link is replaced and not written through', () => {
    const victim = join(dir, 'outside/victim');
    writeFileSync(victim, 'as it was');
    symlinkSync(victim, join(root, 'usr/lib/file'));
    const tree = new RootTree(root);
    expect(tree.find('/usr/lib/file')).toEqual({kind: 'link', target: victim});
    tree.writeFile('/usr/lib/file', Buffer.from('new'));
    expect(lstatSync(join(root, 'usr/lib/file')).isFile()).toBe(true);
    expect(readFileSync(victim, 'utf8')).toBe('as it was');
  });
});

test('what is written is whole, readable by all whatever the umask is, and leaves nothing beside it', () => {
  const umask = process.umask(0o077);
  try {
    const tree = new RootTree(root);
    expect(tree.missingAbove('/etc/a/file')).toEqual(['/etc', '/etc/a']);
    for (const directory of tree.missingAbove('/etc/a/file')) tree.makeDirectory(directory);
    tree.writeFile('/etc/a/file', Buffer.from('one'));
    tree.writeFile('/etc/a/file', Buffer.from('two'));
    tree.writeLink('/etc/a/link', '/usr/bin/x');
  } finally {
    process.umask(umask);
  }
  expect(readdirSync(join(root, 'etc/a')).sort()).toEqual(['file', 'link']);
  expect(readFileSync(join(root, 'etc/a/file'), 'utf8')).toBe('two');
  expect(statSync(join(root, 'etc/a/file')).mode & 0o777).toBe(0o644);
  expect(statSync(join(root, 'etc/a')).mode & 0o777).toBe(0o755);
});

test('a write that fails leaves what was there', () => {
  mkdirSync(join(root, 'usr/lib/file'));
  expect(() => new RootTree(root).writeFile('/usr/lib/file', Buffer.from('x'))).toThrow();
  expect(readdirSync(join(root, 'usr/lib'))).toEqual(['file']);
});

test('a directory that is not empty stays', () => {
  const tree = new RootTree(root);
  writeFileSync(join(root, 'usr/lib/file'), '');
  expect(tree.removeDirectory('/usr/lib')).toBe(false);
  tree.remove('/usr/lib/file');
  expect(tree.removeDirectory('/usr/lib')).toBe(true);
  expect(existsSync(join(root, 'usr/lib'))).toBe(false);
});

describe('a directory that others can change is not used', () => {
  const asRoot = process.getuid?.() === 0 ? '' : ' (not root)';
  test('writable by anybody', () => {
    chmodSync(join(root, 'usr'), 0o777);
    expect(() => new RootTree(root).find('/usr/lib/file')).toThrow(
      `can't use ${root}/usr: it can be changed by any user`,
    );
  });
  test.skipIf(asRoot !== '')(`of another user${asRoot}`, () => {
    chownSync(join(root, 'usr'), 1000, 0);
    expect(() => new RootTree(root).find('/usr/lib/file')).toThrow(
      `can't use ${root}/usr: it can be changed by user 1000, to whom it belongs`,
    );
  });
  test.skipIf(asRoot !== '')(`writable by a group${asRoot}`, () => {
    chownSync(root, 0, 1000);
    chmodSync(root, 0o775);
    expect(() => new RootTree(root)).toThrow(`${root} can be changed by group 1000`);
  });
  test('above the root', () => {
    chmodSync(dir, 0o777);
    expect(() => new RootTree(root)).toThrow(`can't use ${root} as root: ${dir} can be changed by any user`);
  });
});

test('a root that is a file, or is not there, is told in a sentence', () => {
  writeFileSync(join(dir, 'file'), '');
  expect(() => new RootTree(join(dir, 'file'))).toThrow('as root: it is not a directory');
  expect(() => new RootTree(join(dir, 'no'))).toThrow('as root: ENOENT');
});
