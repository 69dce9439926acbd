import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest';
import {cannotContain} from '../support/contained-mount.js';
import {lseek, readMapped, SEEK, statfs} from '../support/posix.js';
import {Random} from '../support/random.js';
import {document, file, type Json} from '../support/stripefs/document.js';
import {fuseward, serverProcesses, settled} from './command-support.js';
import {missingForMounts} from './helper-support.js';

const missing = missingForMounts() ?? cannotContain();
const RULE =
  'users=["root"]\nsources=["**"]\ntargets=["**"]\nsource_owner="anyone"\ntarget_owner="anyone"\naccess="read-write"\n';
const CHUNK = 65_536;

let dir: string;
let mnt: string;
let servers: number;

function at(...names: string[]): string {
  return join(dir, ...names);
}

function mount(superblock: string, ...options: string[]): ReturnType<typeof fuseward> {
  return fuseward(['mount', '-t', 'stripefs', ...options, at(superblock), mnt]);
}

/** Writes a superblock over members of 64 blocks; the first has some content. */
function write(name: string, entries: Json[], more: Record<string, Json> = {}): void {
  const members = ['m0', 'm1'].map((path) => ({path, size: 32_768}));
  writeFileSync(at(name), JSON.stringify(document(entries, {members, ...more})));
}

describe.skipIf(missing !== undefined)(`stripefs${missing ? ` (skipped: ${missing})` : ''}`, () => {
  beforeAll(() => {
    servers = serverProcesses().length;
    dir = realpathSync(mkdtempSync(join(tmpdir(), 'fuseward-stripefs-')));
    mnt = at('mnt');
    for (const name of ['mnt', 'in', 'in/sub', 'policy']) mkdirSync(at(name));
    const random = new Random(7);
    writeFileSync(at('in/big'), random.bytes(5 * 2 ** 20 + 12_345));
    writeFileSync(at('in/sub/middle'), random.bytes(3 * CHUNK + 1));
    writeFileSync(at('in/chunk'), random.bytes(CHUNK));
    writeFileSync(at('in/small'), 'a few bytes');
    writeFileSync(at('in/empty'), '');
    symlinkSync('sub/middle', at('in/link'));
    for (const name of ['m0', 'm1']) writeFileSync(at(name), random.bytes(32_768));
  });
  afterEach(async () => {
    spawnSync('umount', ['--lazy', mnt]);
    expect(await settled(dir, servers)).toMatchObject({mounts: [], loops: [], servers});
  });
  afterAll(() => rmSync(dir, {recursive: true}));

  test('files over four images of 64 KiB chunks are what they were made of', () => {
    const images = ['a.img', 'b.img', 'c.img', 'd.img'];
    const made = fuseward([
      'mkstripefs',
      ...images.flatMap((image) => ['--member', at(image)]),
      ...['--chunk', '64K', at('fs.json')],
      ...readdirSync(at('in')).map((name) => at('in', name)),
    ]);
    expect(made.stderr).toBe('');
    // The command that it prints is the one to mount by.
    const [program, ...words] = made.stdout.trim().replace('DIRECTORY', mnt).split(' ');
    expect([program, ...words.slice(0, 2)]).toEqual(['fuseward', 'mount', '-t']);
    expect(fuseward(words)).toMatchObject({code: 0, stderr: ''});

    const compared = spawnSync('diff', ['--recursive', '--no-dereference', at('in'), mnt], {
      encoding: 'utf8',
    });
    expect([compared.status, compared.stdout]).toEqual([0, '']);
    const stat = ['-c', '%n %a %u %g %s %Y %F'];
    const names = ['.', 'big', 'sub', 'sub/middle', 'link', 'empty'];
    const of = (cwd: string): string =>
      spawnSync('stat', [...stat, ...names.slice(1)], {cwd, encoding: 'utf8'}).stdout;
    // A directory's size is no file system's word.
    const withoutSizes = (text: string): string => text.replace(/ \d+ (\d+ directory)/g, ' $1');
    expect(withoutSizes(of(mnt))).toBe(withoutSizes(of(at('in'))));

    const content = readFileSync(at('in/big'));
    const fd = openSync(join(mnt, 'big'), 'r');
    try {
      const random = new Random(8);
      const edges = [
        0,
        CHUNK - 1,
        CHUNK,
        4 * CHUNK - 5,
        content.length - 1,
        content.length,
        content.length + 5,
        2 ** 45,
      ];
      for (const offset of [...edges, ...Array.from({length: 60}, () => random.below(content.length))]) {
        const bytes = Buffer.alloc(1 + random.below(5 * CHUNK));
        const count = readSync(fd, bytes, 0, bytes.length, offset);
        assert.ok(
          bytes.subarray(0, count).equals(content.subarray(offset, offset + bytes.length)),
          `at ${offset}`,
        );
      }
      const mapped = readMapped(fd, CHUNK * 3, 2 * CHUNK + 77);
      assert.ok(mapped.equals(content.subarray(CHUNK * 3, CHUNK * 5 + 77)));
      expect([lseek(fd, 5, SEEK.DATA), lseek(fd, 5, SEEK.HOLE)]).toEqual([5, content.length]);
    } finally {
      closeSync(fd);
    }
    expect(statfs(mnt).bsize).toBe(4096);

    const {record} = JSON.parse(fuseward(['status', mnt, '--json']).stdout) as {record: {members: unknown}};
    expect(record.members).toEqual(images.map((image) => ({path: at(image)})));
    const status = fuseward(['status', mnt]).stdout;
    expect(status).toContain(`members: ${images.map((image) => at(image)).join(', ')}`);
    expect(status).toMatch(/verified descriptors/);

    // A member is in use as long as the mount is there.
    mkdirSync(at('other'));
    const again = fuseward(['mount', '-t', 'raw', at('b.img'), at('in/empty')]);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('already mounted or in use')]);
    expect(fuseward(['umount', mnt]).code).toBe(0);
  });

  test('holes, and bytes of a member that became shorter', () => {
    write('holes.json', [
      file('f', 6000, [
        {type: 'linear', length: 4096, member: 0, offset: 8192},
        {type: 'hole', length: 1024},
        {type: 'linear', length: 1024, member: 1, offset: 31_744},
      ]),
    ]);
    // Recognised without a type.
    expect(fuseward(['mount', '-o', 'member=m?', at('holes.json'), mnt])).toMatchObject({
      code: 0,
      stderr: '',
    });
    const fd = openSync(join(mnt, 'f'), 'r');
    try {
      expect([lseek(fd, 0, SEEK.HOLE), lseek(fd, 4096, SEEK.DATA), lseek(fd, 5120, SEEK.HOLE)]).toEqual([
        4096, 5120, 6000,
      ]);
      const first = Buffer.alloc(4096 + 1024);
      // By direct I/O nothing past what is asked for is read ahead.
      expect(readSync(fd, first, 0, 4096, 0)).toBe(4096);
      assert.ok(first.subarray(0, 4096).equals(readFileSync(at('m0')).subarray(8192, 12_288)));
      const old = readFileSync(at('m1'));
      truncateSync(at('m1'), 31_744);
      spawnSync('sh', ['-c', 'echo 1 > /proc/sys/vm/drop_caches']);
      const direct = spawnSync(
        'dd',
        [`if=${join(mnt, 'f')}`, 'of=/dev/null', 'bs=4096', 'skip=1', 'iflag=direct'],
        {
          encoding: 'utf8',
          env: {LC_ALL: 'C', PATH: '/usr/bin:/bin'},
        },
      );
      expect(direct.stderr).toContain('Input/output error');
      writeFileSync(at('m1'), old);
    } finally {
      closeSync(fd);
    }
  });

  test('a superblock gets nothing that nobody lists, and the mount that fails leaves nothing', () => {
    const secret = (path: string): string => {
      const size = Math.max(1, readFileSync(path).length);
      write('hostile.json', [file('f', 1, [{type: 'hole', length: 512}])], {members: [{path, size}]});
      return at('hostile.json');
    };
    secret('/etc/shadow');
    const plain = mount('hostile.json');
    expect([plain.code, plain.stderr]).toEqual([
      1,
      "fuseward: can't mount /etc/shadow: its server asks for it, and neither a policy rule (members) nor the caller (-o member=) lists it\n",
    ]);
    expect(mount('hostile.json', '-o', 'member=**').stderr).toContain('lists it');

    symlinkSync('/etc/shadow', at('link'));
    write('link.json', [], {members: [{path: 'link', size: 1}]});
    const linked = mount('link.json', '-o', 'member=*');
    expect([linked.code, linked.stderr]).toEqual([1, expect.stringContaining(`can't mount ${at('link')}`)]);

    // A rule lists what is beside the superblock; its owner rule holds for members too.
    writeFileSync(at('policy/stripefs.toml'), `[[allow]]\n${RULE}members=["${dir}/m?"]\n`, {mode: 0o644});
    write('fine.json', []);
    const byRule = mount('fine.json', '--policy', at('policy'));
    expect(byRule).toMatchObject({code: 0, stderr: ''});
  });

  test('what is wrong in a superblock is told with file and field', () => {
    write('wrong.json', [file('f', 1024, [{type: 'linear', length: 1024, member: 1, offset: 32_256}])]);
    const outside = mount('wrong.json', '-o', 'member=m?');
    expect(outside.stderr).toBe(
      `fuseward: can't mount ${at('wrong.json')} on ${mnt}: the server says: its superblock is not usable: "/f": extents[0] ends at byte 33280 of member 1, which has 32768 bytes (EUCLEAN)\n`,
    );
    write('large.json', [], {members: [{path: 'm0', size: 32_769}]});
    expect(mount('large.json', '-o', 'member=m?').stderr).toContain(
      'member "m0" has 32768 bytes, and its size is said to be 32769',
    );
  });
});
