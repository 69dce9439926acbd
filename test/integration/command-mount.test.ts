import {spawn} from 'node:child_process';
import {createHash} from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {acceptConnection, listenSeqpacket} from '../../src/sys/socket.js';
import {CHECKOUT} from '../support/checkout.js';
import {run} from '../support/mounts.js';
import {type Bench, bench, FUSEWARD, fuseward, settled, startFuseward, withBench} from './command-support.js';
import {missingForMounts} from './helper-support.js';
import {runs} from './manager-support.js';

const missing = missingForMounts();
let place: Bench;
let before: number;

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

function mounted(args: readonly string[]): Record<string, unknown> {
  const {code, stdout, stderr} = fuseward(['mount', '--json', ...args]);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return JSON.parse(stdout);
}

function findmnt(target: string, column: string): string {
  return run('findmnt', ['--noheadings', '--mountpoint', target, '--output', column]).trim();
}

describe.skipIf(missing !== undefined)(
  `fuseward mount and what it makes${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    withBench((fresh, running) => {
      place = fresh;
      before = running;
    });

    test('the type is found out, the content is the image’s, and the result is true', () => {
      const result = mounted([place.image, place.target]);
      expect(result).toMatchObject({
        target: place.target,
        source: place.image,
        subtype: 'ext4',
        readOnly: true,
        kind: 'embedded',
      });
      expect(findmnt(place.target, 'FSTYPE')).toBe('fuse.ext4');
      expect(findmnt(place.target, 'OPTIONS')).toMatch(/^ro,nosuid,nodev,relatime/);
      expect(
        run('losetup', ['--noheadings', '--output', 'BACK-FILE', String(result['loopDevice'])]).trim(),
      ).toBe(place.image);
      expect(run('blockdev', ['--getbsz', String(result['loopDevice'])]).trim()).toBe(
        String(result['blockSize']),
      );
      for (const name of readdirSync(join(CHECKOUT, 'src/wire'))) {
        expect(sha256(join(place.target, name))).toBe(sha256(join(CHECKOUT, 'src/wire', name)));
      }
      expect(fuseward(['umount', place.target])).toEqual({code: 0, stdout: '', stderr: ''});
      expect(runs(result['serverPid'] as number)).toBe(false);
    });

    test('the server is held as status says, and as /proc says', () => {
      const {serverPid} = mounted([place.image, place.target]);
      const {stdout, code} = fuseward(['status', '--json', place.target]);
      expect(code).toBe(0);
      const status = JSON.parse(stdout);
      expect(status.containment).toMatchObject({
        pid: serverPid,
        capabilities: [],
        noNewPrivs: true,
        sharedNamespaces: [],
      });
      const proc = readFileSync(`/proc/${serverPid}/status`, 'latin1');
      expect(proc).toMatch(/^CapEff:\t0+$/m);
      expect(proc).toMatch(/^CapBnd:\t0+$/m);
      expect(proc).toMatch(/^Seccomp:\t2$/m);
      expect(proc).toMatch(new RegExp(`^Uid:\t${status.containment.uid}\t`, 'm'));
      for (const tid of readdirSync(`/proc/${serverPid}/task`)) {
        expect(readFileSync(`/proc/${serverPid}/task/${tid}/status`, 'latin1')).toMatch(/^Seccomp:\t2$/m);
      }
      for (const name of ['user', 'pid', 'mnt', 'net', 'ipc', 'uts']) {
        expect(readlinkSync(`/proc/${serverPid}/ns/${name}`)).not.toBe(readlinkSync(`/proc/self/ns/${name}`));
      }
      const root = readdirSync(`/proc/${serverPid}/root`);
      // Where Node itself lies there is a directory that leads to it.
      const leadsToNode = process.execPath.split('/')[1];
      for (const absent of ['etc', 'proc', 'dev', 'tmp', 'home', 'run'].filter(
        (name) => name !== leadsToNode,
      ))
        expect(root).not.toContain(absent);
      // Copies of what malloc reads, and nothing of sysfs.
      const sys = readdirSync(`/proc/${serverPid}/root/sys`, {recursive: true});
      expect(
        sys
          .map(String)
          .filter(
            (path) => !/^kernel(\/mm(\/transparent_hugepage(\/(enabled|hpage_pmd_size))?)?)?$/.test(path),
          ),
      ).toEqual([]);
      expect(readFileSync(`/proc/${serverPid}/mounts`, 'latin1')).not.toMatch(/ sysfs /);
      expect(fuseward(['umount', place.target]).code).toBe(0);
    });

    test('each mount has a user id of its own', () => {
      const other: Bench = bench();
      try {
        const pids = [mounted([place.image, place.target]), mounted([other.image, other.target])].map(
          (each) => each['serverPid'],
        );
        const uids = pids.map(
          (pid) => /^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1],
        );
        expect(new Set(uids).size).toBe(2);
      } finally {
        fuseward(['umount', place.target]);
        fuseward(['umount', other.target]);
        other.remove();
      }
    });

    test('umount(8) works unaided and leaves no server and no loop device', async () => {
      mounted(['-t', 'ext4', place.image, place.target]);
      run('umount', [place.target]);
      expect(await settled(place.dir, before)).toMatchObject({mounts: [], loops: [], servers: before});
    });

    test('is unmounted without a word about a loop device that others have put around the image meanwhile', () => {
      mounted(['-t', 'ext4', place.image, place.target]);
      const others = run('losetup', ['--find', '--show', '--read-only', place.image]).trim();
      try {
        expect(fuseward(['umount', place.target])).toMatchObject({code: 0, stderr: ''});
        expect(run('losetup', ['--associated', place.image]).trim().split(':')[0]).toBe(others);
      } finally {
        run('losetup', ['--detach', others]);
      }
    });

    test('a part of an image as one file, on a file', () => {
      const file = join(place.dir, 'part');
      writeFileSync(file, '');
      mounted(['-t', 'raw', '-o', 'offset=1024,size=5000', place.image, file]);
      expect(readFileSync(file)).toEqual(readFileSync(place.image).subarray(1024, 6024));
      expect(findmnt(file, 'FSTYPE')).toBe('fuse.raw');
      expect(fuseward(['umount', file]).code).toBe(0);
      expect(readFileSync(file, 'utf8')).toBe('');
    });

    test('a block device, which nobody else gets meanwhile', () => {
      const device = run('losetup', ['--find', '--show', '--read-only', place.image]).trim();
      try {
        const result = mounted([device, place.target]);
        expect(result).not.toHaveProperty('loopDevice');
        expect(readdirSync(place.target)).toContain('struct.ts');
        expect(run('blockdev', ['--getbsz', device]).trim()).toBe(String(result['blockSize']));
        const other = join(place.dir, 'other');
        mkdirSync(other);
        expect(JSON.parse(fuseward(['mount', '--json', device, other]).stdout).error.errno).toBe('EBUSY');
        expect(fuseward(['umount', place.target]).code).toBe(0);
      } finally {
        run('losetup', ['--detach', device]);
      }
    });

    test('a socket that somebody serves is used instead, and started as systemd starts it', async () => {
      const socket = '/run/filesystems/ext4';
      expect(existsSync(socket), `${socket} is somebody else's`).toBe(false);
      mkdirSync('/run/filesystems', {recursive: true});
      using listener = listenSeqpacket(socket, 0o220);
      try {
        const {ended} = startFuseward(['mount', '-t', 'ext4', place.image, place.target]);
        using connection = acceptConnection(listener.fd);
        const service = spawn('sh', ['-c', 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" serve ext4', FUSEWARD], {
          stdio: ['ignore', 'ignore', 'ignore', connection.fd],
        });
        connection.close();
        expect(await ended).toBe(0);
        expect(readdirSync(place.target)).toContain('struct.ts');
        const status = JSON.parse(fuseward(['status', '--json', place.target]).stdout);
        expect(status.record).toMatchObject({kind: 'socket', type: 'ext4'});
        expect(status.containment.pid).toBe(service.pid);
        // Two where its runtime had to be kept from making an io_uring.
        expect(status.containment.seccompFilters).toBeGreaterThanOrEqual(1);
        expect(Object.keys(status.containment.descriptors)).not.toContain('anon_inode:[io_uring]');
        const gone = new Promise((resolve) => service.once('exit', resolve));
        run('umount', [place.target]);
        expect(await gone).toBe(0);
      } finally {
        rmSync(socket, {force: true});
        if (readdirSync('/run/filesystems').length === 0) rmdirSync('/run/filesystems');
      }
    });

    test('started without a socket, a server says so and fails', () => {
      const {code, stderr} = fuseward(['serve', 'ext4']);
      expect(code).toBe(1);
      expect(stderr).toContain('expected one connected socket as fd 3');
    });

    test('a server that dies leaves a mount that umount takes away', async () => {
      const {serverPid} = mounted([place.image, place.target]);
      process.kill(Number(serverPid), 'SIGKILL');
      expect(() => readdirSync(place.target)).toThrow(/ENOTCONN|ECONNABORTED/);
      expect(fuseward(['umount', place.target]).code).toBe(0);
      expect(await settled(place.dir, before)).toMatchObject({mounts: [], loops: [], servers: before});
    });

    test('a type with a policy of its own has to be named', () => {
      const directory = join(place.dir, 'policy.d');
      mkdirSync(directory, {mode: 0o755});
      writeFileSync(join(directory, 'ext4.toml'), 'loop = "never"\n', {mode: 0o644});
      const refused = fuseward(['mount', '--policy', directory, place.image, place.target]);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toBe(
        `fuseward: can't mount ${place.image}: it holds ext4, which has a policy of its own: say so with -t ext4\n`,
      );
      const result = mounted(['--policy', directory, '-t', 'ext4', place.image, place.target]);
      expect(result).not.toHaveProperty('loopDevice');
      expect(fuseward(['umount', place.target]).code).toBe(0);
    });

    test('doctor finds that contained mounts work here', () => {
      const {code, stdout} = fuseward(['doctor', '--json']);
      const report = JSON.parse(stdout);
      expect(report.works).toBe(true);
      expect(code).toBe(0);
      const names = report.features.map(({name}: {name: string}) => name);
      for (const name of [
        'kernel',
        '/dev/fuse',
        'FUSE protocol',
        'loop devices',
        'landlock',
        'seccomp',
        'user namespaces',
        'bubblewrap',
        'iomap',
        'io_uring',
      ]) {
        expect(names).toContain(name);
      }
      const release = run('uname', ['-r']).trim();
      expect(report.features[0]).toMatchObject({name: 'kernel', found: release});
    });
  },
);
