import {spawnSync} from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import {run} from '../support/mounts.js';
import {withPublicCopy} from '../support/public-copy.js';
import {
  type Bench,
  bench,
  fuseward,
  leftovers,
  processesBelow,
  serverProcesses,
  settled,
  startFuseward,
} from './command-support.js';
import {missingForMounts} from './helper-support.js';

/** Whether a process has this file or directory open. */
function hasOpen(pid: number, path: string): boolean {
  try {
    const fds = readdirSync(`/proc/${pid}/fd`);
    return fds.some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === path);
  } catch {
    // It has ended, or closed one meanwhile.
    return false;
  }
}

const missing = missingForMounts();
let place: Bench;
let before: number;

/** A case: what is done to the place, the command's arguments, and what it must say. */
interface Case {
  what: string;
  prepare?: (place: Bench) => void;
  args: (place: Bench) => string[];
  before?: string[];
  code?: number;
  says: (place: Bench) => string;
}

/** The program in a mount namespace of its own where a file of /dev is not there. */
function without(device: string): string[] {
  const script = `
    keep=$(mktemp -d) && mount --rbind /dev "$keep" && mount -t tmpfs none /dev &&
    for name in null zero full random urandom fuse loop-control loop0 loop1 loop2 loop3 loop4 loop5 loop6 loop7; do
      [ "$name" = ${device} ] && continue
      [ -e "$keep/$name" ] || continue
      touch "/dev/$name" && mount --bind "$keep/$name" "/dev/$name"
    done
    umount -l "$keep" && rmdir "$keep" && exec "$@"`;
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-ec', script, 'sh'];
}

const mountArgs = ({image, target}: Bench): string[] => ['mount', image, target];

const CASES: Case[] = [
  {
    what: 'a source that is missing',
    args: ({dir, target}) => ['mount', join(dir, 'none.img'), target],
    says: ({dir}) => `can't mount ${dir}/none.img: there is no such file or device`,
  },
  {
    what: 'a source that can’t be opened, even by root',
    prepare: ({dir}) => symlinkSync('circle.img', join(dir, 'circle.img')),
    args: ({dir, target}) => ['mount', join(dir, 'circle.img'), target],
    says: ({dir}) => `can't mount ${dir}/circle.img: `,
  },
  {
    what: 'a directory as source',
    args: ({dir, target}) => ['mount', dir, target],
    says: ({dir}) =>
      `can't mount ${dir}: it is a directory, not an image file or a block device; types for directories, such as bindfs, are named by -t`,
  },
  {
    what: 'a FIFO as source, which must not block',
    prepare: ({dir}) => run('mkfifo', [join(dir, 'fifo')]),
    args: ({dir, target}) => ['mount', join(dir, 'fifo'), target],
    says: ({dir}) => `can't mount ${dir}/fifo: it is a FIFO, not an image file or a block device`,
  },
  {
    what: 'a path that is not UTF-8, which a link leads to',
    // Node can't name one; the shell can.
    prepare: ({dir}) =>
      run('sh', ['-c', `d="$1/$(printf 't\\377')"; mkdir "$d"; ln -s "$d" "$1/link"`, 'sh', dir]),
    args: ({dir, image}) => ['mount', image, join(dir, 'link')],
    says: ({dir}) =>
      `can't mount on ${dir}/link: there is no such directory or file, or its path is not UTF-8, which fuseward does not take`,
  },
  {
    what: 'a relative path where the working directory is gone',
    args: () => ['mount', 'disk.img', 'target'],
    before: [
      'sh',
      '-c',
      'd=$(mktemp -d) && cd "$d" && rmdir "$d" && exec "$@" 2>&1 >/dev/null | grep -v getcwd >&2; exit 1',
      'sh',
    ],
    says: () => 'the working directory is gone, and a relative path begins there',
  },
  {
    what: 'a machine that lets nobody have as many processes as a server may',
    args: mountArgs,
    before: ['prlimit', '--nproc=20:20'],
    says: ({image, target}) =>
      `can't mount ${image} on ${target}: the server exited without saying goodbye; its log says: prlimit: failed to set the NPROC resource limit: `,
  },
  {
    what: 'a target that is missing',
    args: ({dir, image}) => ['mount', image, join(dir, 'nowhere')],
    says: ({dir}) => `can't mount on ${dir}/nowhere: there is no such directory or file`,
  },
  {
    what: 'a file as target of a directory',
    prepare: ({dir}) => writeFileSync(join(dir, 'file'), ''),
    args: ({dir, image}) => ['mount', image, join(dir, 'file')],
    says: ({dir}) =>
      `can't mount on ${dir}/file: it is a file, and what is to be mounted there is a directory`,
  },
  {
    what: 'a directory as target of a single file',
    args: ({image, target}) => ['mount', '-t', 'raw', image, target],
    says: ({target}) =>
      `can't mount on ${target}: it is a directory, and what is to be mounted there is a single file`,
  },
  {
    what: 'a character device as target',
    args: ({image}) => ['mount', image, '/dev/null'],
    says: () => `can't mount on /dev/null: it is neither a directory nor a regular file`,
  },
  {
    what: 'a machine without /dev/fuse',
    args: mountArgs,
    before: without('fuse'),
    says: ({image, target}) =>
      `can't mount ${image} on ${target}: there is no /dev/fuse: this kernel has no FUSE, or its module is not loaded (modprobe fuse)`,
  },
  {
    what: 'an image that is no file system',
    prepare: ({image}) => writeFileSync(image, Buffer.alloc(1 << 20, 'no file system')),
    args: mountArgs,
    says: ({image}) => `can't mount ${image}`,
  },
  {
    what: 'an empty image',
    prepare: ({image}) => writeFileSync(image, ''),
    args: mountArgs,
    says: ({image}) => `can't mount ${image}`,
  },
  {
    what: 'an image of another type than told',
    prepare: ({image}) => writeFileSync(image, Buffer.alloc(1 << 20)),
    args: ({image, target}) => ['mount', '-t', 'ext4', image, target],
    says: ({image}) => `can't mount ${image}`,
  },
  {
    what: 'a truncated image',
    prepare: ({image}) => truncateSync(image, 1 << 20),
    args: mountArgs,
    says: ({image}) => `can't mount ${image}`,
  },
  {
    what: 'a feature that is not known, by its bit',
    prepare: ({image}) => run('debugfs', ['-w', '-R', 'ssv feature_incompat 0x40002c2', image]),
    args: ({image, target}) => ['mount', '-t', 'ext4', image, target],
    says: ({image}) => `can't mount ${image}`,
  },
  {
    what: 'a file system that there is no driver for',
    prepare: ({image}) => {
      const xfs = Buffer.alloc(1 << 20);
      xfs.write('XFSB');
      writeFileSync(image, xfs);
    },
    args: mountArgs,
    code: 2,
    says: ({image}) => `can't mount ${image}`,
  },
  {
    what: 'a type that there is no driver for',
    args: ({image, target}) => ['mount', '-t', 'zfs', image, target],
    code: 2,
    says: ({image, target}) =>
      `can't mount ${image} on ${target}: there is no safe file system driver for zfs`,
  },
  {
    what: 'a type with a slash',
    args: ({image, target}) => ['mount', '-t', '../ext4', image, target],
    says: () => `can't mount with type "../ext4": that is no file system type`,
  },
  {
    what: 'an option that nobody knows',
    args: ({image, target}) => ['mount', '-o', 'ro,sb=8193', image, target],
    says: ({image}) => `can't mount ${image}`,
  },
  {
    what: 'an option that is the helper’s own',
    args: ({image, target}) => ['mount', '-o', 'fd=3', image, target],
    says: () => `can't mount with option "fd": it is set by the mount helper alone`,
  },
];

describe.skipIf(missing !== undefined)(`fuseward mount${missing ? ` (skipped: ${missing})` : ''}`, () => {
  beforeEach(() => {
    place = bench();
    before = serverProcesses().length;
  });
  afterEach(async () => {
    const {mounts, loops, servers, records} = await settled(place.dir, before);
    expect({mounts, loops, records}).toEqual({mounts: [], loops: [], records: []});
    expect(servers).toBeLessThanOrEqual(before);
    place.remove();
  });

  test.each(CASES)('$what is told in one sentence and leaves nothing', (each) => {
    each.prepare?.(place);
    const {code, stdout, stderr} = fuseward(each.args(place), each.before);
    expect(stderr).toContain(`fuseward: ${each.says(place)}`);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stdout).toBe('');
    expect(code).toBe(each.code ?? 1);
    expect(leftovers(place.dir)).toMatchObject({mounts: [], loops: [], records: []});
    expect(readdirSync(place.target)).toEqual([]);
  });

  test('a caller who is not root is told so', () => {
    chmodSync(place.dir, 0o755);
    const parts = ['bin', 'dist/cli', 'dist/sandbox', 'policy'];
    const {status, stderr} = withPublicCopy(parts, (root) =>
      spawnSync(join(root, 'bin/fuseward'), mountArgs(place), {
        uid: 65_534,
        gid: 65_534,
        encoding: 'utf8',
        cwd: '/',
      }),
    );
    const what = `fuseward: can't mount ${place.image} on ${place.target}: `;
    expect(stderr).toContain(`${what}only root may do that without a manager, and none runs here`);
    expect(status).toBe(1);
  });

  test('the reason of the server reaches the caller, and --json', () => {
    truncateSync(place.image, 1 << 20);
    const {stderr} = fuseward(['mount', place.image, place.target]);
    expect(stderr).toMatch(
      /the server says: the file system has 8192 blocks and there are 1024: the image is truncated \(EUCLEAN\)/,
    );
    const {code, stdout} = fuseward(['mount', '--json', place.image, place.target]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({error: {exitCode: 1, code: 'server-refused'}});
  });

  test('a busy target and a second mount of the same image are EBUSY', () => {
    expect(fuseward(['mount', place.image, place.target]).code).toBe(0);
    const copy = join(place.dir, 'copy.img');
    const other = join(place.dir, 'other');
    copyFileSync(place.image, copy);
    mkdirSync(other);
    const busyTarget = fuseward(['mount', '--json', copy, place.target]);
    expect(JSON.parse(busyTarget.stdout).error).toMatchObject({errno: 'EBUSY', code: 'target-busy'});
    const busySource = fuseward(['mount', '--json', place.image, other]);
    expect(JSON.parse(busySource.stdout).error).toMatchObject({errno: 'EBUSY', code: 'source-busy'});
    symlinkSync(place.image, join(place.dir, 'link.img'));
    const bySymlink = fuseward(['mount', '--json', join(place.dir, 'link.img'), other]);
    expect(JSON.parse(bySymlink.stdout).error).toMatchObject({errno: 'EBUSY'});
    expect(readdirSync(place.target)).toContain('struct.ts');
    expect(fuseward(['umount', place.target])).toEqual({code: 0, stdout: '', stderr: ''});
  });

  test('less locked memory and fewer signals than a server may have are enough', () => {
    const little = ['prlimit', '--memlock=0:0', '--sigpending=10:10'];
    expect(fuseward(mountArgs(place), little)).toEqual({code: 0, stdout: '', stderr: ''});
    expect(readdirSync(place.target)).toContain('struct.ts');
    expect(fuseward(['umount', place.target]).code).toBe(0);
    // What doctor tries is held by the same limits.
    expect(fuseward(['doctor'], little).stdout).toContain(
      'a trial sandbox started, with the limits of a server',
    );
    expect(fuseward(['doctor'], ['prlimit', '--nproc=20:20']).stdout).toContain('failed to set the NPROC');
  });

  test('doctor finds what the machine has, whatever is wrong with the policy', () => {
    const broken = `
      up=$(mktemp -d) && mount -t tmpfs none "$up" && mkdir "$up/up" "$up/work" &&
      mount -t overlay -o "lowerdir=/etc,upperdir=$up/up,workdir=$up/work" none /etc &&
      umount -l "$up" && rmdir "$up" &&
      mkdir -p /etc/fuseward/policy.d && echo 'loop = 7' >/etc/fuseward/policy.d/defaults.toml && exec "$@"`;
    const words = ['unshare', '--mount', '--propagation', 'private', 'sh', '-ec', broken, 'sh'];
    expect(fuseward(['mount', place.image, place.target], words).stderr).toContain(
      'defaults.toml:1: loop must be',
    );
    expect(fuseward(['doctor'], words)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('a trial sandbox started, with the limits of a server'),
    });
  });

  test('without a free loop device the plain file serves', () => {
    const mounted = `"$@" && ls "${place.target}" && "$2" umount "${place.target}"`;
    const words = [...without('loop-control').slice(0, -1)];
    words[words.length - 1] = words.at(-1)!.replace('exec "$@"', mounted);
    const {code, stdout} = fuseward(['mount', '--json', place.image, place.target], [...words, 'sh', 'env']);
    expect(stdout).toContain('struct.ts');
    expect(JSON.parse(stdout.split('\n')[0]!)).not.toHaveProperty('loopDevice');
    expect(code).toBe(0);
  });

  test('a command killed half-way, at any moment, leaves nothing', async () => {
    for (let delay = 20; delay <= 400; delay += 20) {
      const {pid, ended} = startFuseward(['mount', place.image, place.target]);
      await new Promise((resolve) => setTimeout(resolve, delay));
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It was done already.
      }
      await ended;
      // Killed after the mount was complete, it is a mount like any other.
      if (readdirSync(place.target).length > 0) fuseward(['umount', place.target]);
      const left = await settled(place.dir, before);
      expect(left, `killed after ${delay} ms`).toMatchObject({mounts: [], loops: [], servers: before});
    }
  });

  test('a server killed during the handshake is told, and leaves nothing', async () => {
    const ends: string[] = [];
    // What it takes from the first process to the finished mount differs from machine to machine.
    for (let delay = 0; delay <= 200 && ends.filter((end) => end.startsWith('1')).length < 3; delay += 10) {
      const {pid: command, ended} = startFuseward(['mount', place.image, place.target]);
      await eventually(() => processesBelow(command).length > 0, 5_000, 1);
      await new Promise((resolve) => setTimeout(resolve, delay));
      const victims = processesBelow(command);
      for (const pid of victims) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // Gone already.
        }
      }
      const code = await ended;
      if (code === 0) fuseward(['umount', '--lazy', place.target]);
      ends.push(`${code} after ${delay} ms, ${victims.length} killed`);
      expect(await settled(place.dir, before)).toMatchObject({mounts: [], loops: []});
    }
    expect(ends).toContainEqual(expect.stringMatching(/^1 after .* [1-9]\d* killed$/));
  });

  test('a target swapped for a symlink meanwhile never leads the mount elsewhere', async () => {
    const victim = join(place.dir, 'victim');
    const moved = join(place.dir, 'moved');
    mkdirSync(victim);
    for (let delay = 0; delay <= 80; delay += 20) {
      const {pid, ended} = startFuseward(['mount', place.image, place.target]);
      // Once the target is opened it is settled where the mount goes.
      await eventually(() => hasOpen(pid, place.target), 5_000, 1);
      await new Promise((resolve) => setTimeout(resolve, delay));
      renameSync(place.target, moved);
      symlinkSync(victim, place.target);
      const code = await ended;
      const targets = run('findmnt', ['--noheadings', '--list', '--output', 'TARGET']).split('\n');
      expect(targets).not.toContain(victim);
      expect(targets.includes(moved)).toBe(code === 0);
      if (code === 0) expect(fuseward(['umount', moved]).code).toBe(0);
      rmSync(place.target);
      renameSync(moved, place.target);
      expect(await settled(place.dir, before)).toMatchObject({mounts: [], loops: []});
    }
    rmdirSync(victim);
  });
});
