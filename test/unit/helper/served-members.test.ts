import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {DEFAULT_MOUNT_POLICY} from '../../../src/helper/mount-policy.js';
import {MOST_MEMBERS, ServedMembers} from '../../../src/helper/served-members.js';
import {type OpenedSource, openSource} from '../../../src/helper/source.js';
import type {MemberRule} from '../../../src/policy/index.js';
import type {Log} from '../../../src/service/log.js';
import {errnoOf} from '../../../src/sys/errno.js';
import {errnoCode} from '../../../src/sys/errno-codes.js';
import {O_RDONLY, O_RDWR, openFd, openFlags, tryFlock} from '../../../src/sys/fd.js';

const ANYONE: MemberRule = {patterns: [], kinds: ['file', 'block'], uid: null, mostBytes: null};
let dir: string;
let elsewhere: string;
let source: OpenedSource;
let warnings: Array<Record<string, unknown>>;
const all: ServedMembers[] = [];

function serve(listed: string[], rule: Partial<MemberRule> | null = {}): ServedMembers {
  const log: Log = {debug() {}, info() {}, warn: (values) => void warnings.push(values)};
  const members = new ServedMembers(
    source,
    {
      policy: {...DEFAULT_MOUNT_POLICY, loop: 'never'},
      iomapApproved: false,
      listed,
      rule: rule === null ? undefined : {...ANYONE, ...rule},
    },
    {log},
  );
  all.push(members);
  return members;
}

/** What a server gets for a path: `opened`, or the name of the error. */
function ask(members: ServedMembers, path: string, openFlagsWanted = O_RDONLY): string {
  const more = {createMode: 0, quiet: false, tryLoop: true, blockSize: 0};
  try {
    members.openFile({path, openFlags: openFlagsWanted, ...more}).close();
    return 'opened';
  } catch (error) {
    return errnoCode(errnoOf(error)) ?? String(error);
  }
}

beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'fuseward-members-')));
  elsewhere = realpathSync(mkdtempSync(join(tmpdir(), 'fuseward-elsewhere-')));
  mkdirSync(join(dir, 'sub'));
  for (const name of ['fs.json', 'a.img', 'b.img', 'sub/c.img']) writeFileSync(join(dir, name), name);
  writeFileSync(join(elsewhere, 'secret'), 'secret');
  source = openSource(join(dir, 'fs.json'));
  warnings = [];
});
afterEach(() => {
  for (const members of all.splice(0)) members.close();
  source.fd.close();
  for (const each of [dir, elsewhere]) rmSync(each, {recursive: true});
});

describe('further sources of a mount', () => {
  test('are the file that is meant, for reading', () => {
    const members = serve(['*.img']);
    const request = {openFlags: O_RDONLY, createMode: 0, quiet: false, tryLoop: true, blockSize: 0};
    using fd = members.openFile({path: join(dir, 'a.img'), ...request});
    assert.equal(openFlags(fd.fd) & 3, O_RDONLY);
    assert.equal(readFileSync(`/proc/self/fd/${fd.fd}`, 'utf8'), 'a.img');
    assert.equal(ask(members, join(dir, 'b.img'), O_RDWR), 'EROFS');
    assert.deepEqual(members.all, [{path: join(dir, 'a.img')}]);
  });

  test('are none where nobody lists any', () => {
    assert.equal(ask(serve([], null), join(dir, 'a.img')), 'EACCES');
    assert.equal(ask(serve([]), join(dir, 'a.img')), 'EACCES');
  });

  test('are listed by the rule or by the caller, beside the source or anywhere', () => {
    assert.equal(ask(serve([], {patterns: [`${dir}/*.img`]}), join(dir, 'a.img')), 'opened');
    assert.equal(ask(serve(['b.img']), join(dir, 'b.img')), 'opened');
    assert.equal(ask(serve(['**']), join(dir, 'sub/c.img')), 'opened');
    assert.equal(ask(serve([join(elsewhere, 'secret')]), join(elsewhere, 'secret')), 'opened');
  });

  const hostile: Array<[what: string, path: (dir: string) => string, errno: string]> = [
    ['a file of the system', () => '/etc/shadow', 'EACCES'],
    ['a way up', (base) => `${base}/../../../../etc/shadow`, 'EACCES'],
    ['a way up behind a listed name', (base) => `${base}/a.img/../../../etc/shadow`, 'EACCES'],
    ['a descriptor of ours', () => '/proc/self/fd/0', 'EACCES'],
    ['a descriptor by a way round', (base) => `${base}/../../proc/self/fd/0`, 'EACCES'],
    ['nothing', () => '', 'EACCES'],
    ['the directory', (base) => base, 'EACCES'],
    ['a directory that fits', (base) => `${base}/dir.img`, 'EISDIR'],
    ['a link out of the place', (base) => `${base}/link.img`, 'ENOTBLK'],
    ['a link in the place', (base) => `${base}/inner.img`, 'ENOTBLK'],
    ['what a linked directory leads to', (base) => `${base}/away/secret`, 'EACCES'],
    ['what a linked directory of the place leads to', (base) => `${base}/inside/c.img`, 'EACCES'],
    ['a FIFO', (base) => `${base}/fifo.img`, 'ENOTBLK'],
    ['a character device', (base) => `${base}/null.img`, 'ENOTBLK'],
    ['what is not there', (base) => `${base}/none.img`, 'ENOENT'],
    ['below a file', (base) => `${base}/a.img/x.img`, 'ENOENT'],
    ['the source itself', (base) => `${base}/again.img`, 'EINVAL'],
    ['a name of 4000 bytes', (base) => `${base}/${'x'.repeat(4000)}.img`, 'ENAMETOOLONG'],
  ];
  test.each(hostile)('%s is refused', (_what, path, errno) => {
    mkdirSync(join(dir, 'dir.img'));
    symlinkSync(join(elsewhere, 'secret'), join(dir, 'link.img'));
    symlinkSync('a.img', join(dir, 'inner.img'));
    symlinkSync(elsewhere, join(dir, 'away'));
    symlinkSync('sub', join(dir, 'inside'));
    linkSync(join(dir, 'fs.json'), join(dir, 'again.img'));
    assert.equal(spawnSync('mkfifo', [join(dir, 'fifo.img')]).status, 0);
    if (process.getuid?.() === 0) spawnSync('mknod', [join(dir, 'null.img'), 'c', '1', '3']);
    else symlinkSync('/dev/null', join(dir, 'null.img'));
    // Whether or not a rule is there to look at what was found once more.
    for (const rule of [{}, null]) {
      const members = serve(['**/*.img', '*.img', 'away/secret'], rule);
      const got = ask(members, path(dir));
      // The directory of a path that leads below a file is none.
      assert.equal(got === 'ENOTDIR' ? 'ENOENT' : got, errno);
      assert.deepEqual(members.all, []);
    }
  });

  test('that are not listed are not touched: not even whether they are there is told', () => {
    const members = serve(['*.img']);
    const paths = [join(elsewhere, 'secret'), join(elsewhere, 'none'), '/proc/1/mem', '/dev/sda'];
    assert.deepEqual(new Set(paths.map((path) => ask(members, path))), new Set(['EACCES']));
    for (const {path, reason} of warnings) {
      expect(reason).toContain(`${path}: its server asks for it`);
      expect(reason).toContain('neither a policy rule (members) nor the caller (-o member=) lists it');
    }
  });

  test('once each: a file under a second name is refused, the same name is the same file', () => {
    linkSync(join(dir, 'a.img'), join(dir, 'z.img'));
    const members = serve(['*.img']);
    const [a, z] = [join(dir, 'a.img'), join(dir, 'z.img')];
    assert.deepEqual(
      [a, z, a].map((path) => ask(members, path)),
      ['opened', 'EINVAL', 'opened'],
    );
    renameSync(join(elsewhere, 'secret'), a);
    using fd = members.openFile({
      path: a,
      openFlags: 0,
      createMode: 0,
      quiet: false,
      tryLoop: true,
      blockSize: 0,
    });
    assert.equal(readFileSync(`/proc/self/fd/${fd.fd}`, 'utf8'), 'a.img');
  });

  test('are no more than sixteen, however many are asked for', () => {
    for (let n = 0; n < 40; n++) writeFileSync(join(dir, `m${n}.img`), '');
    const members = serve(['*.img']);
    const answers = Array.from({length: 10_000}, (_, n) => ask(members, join(dir, `m${n}.img`)));
    assert.ok(answers.slice(0, MOST_MEMBERS).every((answer) => answer === 'opened'));
    assert.deepEqual(new Set(answers.slice(MOST_MEMBERS)), new Set(['EMFILE']));
    assert.equal(members.all.length, MOST_MEMBERS);
  });

  test('that are refused fill no log', () => {
    const members = serve(['*.img']);
    for (let n = 0; n < 1000; n++) ask(members, `/etc/${n}`);
    assert.equal(warnings.length, 16);
  });

  test('must fit the rule, whoever lists them', () => {
    const a = join(dir, 'a.img');
    const uid = process.getuid!();
    assert.equal(ask(serve(['a.img'], {uid: uid + 1}), a), 'EACCES');
    assert.equal(ask(serve(['a.img'], {mostBytes: 4}), a), 'EACCES');
    assert.equal(ask(serve(['a.img'], {kinds: ['block']}), a), 'EACCES');
    assert.equal(ask(serve(['a.img'], {uid, mostBytes: 5, kinds: ['file']}), a), 'opened');
  });

  test('that the rule of the type found out does not allow end the mount', () => {
    const members = serve(['a.img']);
    assert.equal(ask(members, join(dir, 'a.img')), 'opened');
    assert.doesNotThrow(() => members.changeRule({...ANYONE, patterns: ['/nowhere']}));
    assert.throws(() => members.changeRule({...ANYONE, mostBytes: 1}), {code: 'policy-denied'});
  });

  test('are busy where somebody has locked them, and locked until they are let go', () => {
    const a = join(dir, 'a.img');
    using other = openFd(a, O_RDONLY);
    const members = serve(['*.img']);
    assert.ok(tryFlock(other.fd));
    assert.equal(ask(members, a), 'EBUSY');
    assert.deepEqual(members.all, []);
    other.close();
    assert.equal(ask(members, a), 'opened');
    using third = openFd(a, O_RDONLY);
    assert.ok(!tryFlock(third.fd));
    members.close();
    assert.ok(tryFlock(third.fd));
  });

  test('that a link to the source leads beside lie beside the file itself', () => {
    symlinkSync(join(dir, 'fs.json'), join(elsewhere, 'current.json'));
    source.fd.close();
    source = openSource(join(elsewhere, 'current.json'));
    const members = serve(['*.img']);
    assert.equal(ask(members, join(elsewhere, 'a.img')), 'opened');
    assert.deepEqual(members.all, [{path: join(dir, 'a.img')}]);
  });
});
