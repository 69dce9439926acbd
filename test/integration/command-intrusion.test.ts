import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {basename, join} from 'node:path';
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test} from 'vitest';
import {fuseMounts, serversByConnection} from '../../src/manager/fuse-mounts.js';
import {O_RDWR, openFd} from '../../src/sys/fd.js';
import {MNT_DETACH, mountAt, umount} from '../../src/sys/mount.js';
import {readMounts} from '../../src/sys/mount-info.js';
import {bundle} from '../support/bundle.mjs';
import {type Bench, fuseward, withBench} from './command-support.js';
import {Mounted} from './fuse-support/mounted.js';
import {missingForMounts} from './helper-support.js';

const missing = missingForMounts();
const why = missing ? ` (skipped: ${missing})` : '';

describe.skipIf(missing !== undefined)(`what gets into a mount from outside${why}`, () => {
  let place: Bench;
  withBench((fresh) => {
    place = fresh;
  });

  test('no descriptor of the caller gets into the server, whatever its number', () => {
    const callers = ['bash', '-c', 'exec 20</etc/passwd 251</etc/passwd; exec "$@"', 'bash'];
    const {stdout, stderr} = fuseward(['mount', '--json', place.image, place.target], callers);
    expect(stderr).toBe('');
    const {serverPid} = JSON.parse(stdout);
    const held = readdirSync(`/proc/${serverPid}/fd`).map((fd) =>
      readlinkSync(`/proc/${serverPid}/fd/${fd}`),
    );
    expect(fuseward(['umount', place.target]).code).toBe(0);
    expect(held).toContain('/dev/fuse');
    expect(held).not.toContain('/etc/passwd');
  });

  test('the policy for a type holds however the type is written', () => {
    const policy = join(place.dir, 'policy');
    mkdirSync(policy);
    writeFileSync(join(policy, 'ext4.toml'), 'allow_other = false\n', {mode: 0o644});
    for (const type of ['ext4', 'fuse.ext4', 'fuseblk.ext4']) {
      const args = ['-t', type, '-o', 'allow_other', '--policy', policy, '--json', place.image, place.target];
      const {code, stdout} = fuseward(['mount', ...args]);
      expect({type, exit: code, ...JSON.parse(stdout).error}).toMatchObject({type, exit: 1, errno: 'EPERM'});
    }
  });
});

describe.skipIf(missing !== undefined)(`a mount whose server hangs${why}`, () => {
  let program: string;
  let mounted: Mounted;
  let server: number;
  beforeAll(async () => {
    program = await bundle('test/integration/fuse-support/server-program.ts');
  });
  afterAll(() => rmSync(program, {force: true}));
  beforeEach(async () => {
    // Its attributes are not kept by the kernel, so every look at its root asks the server.
    mounted = await Mounted.start(program, 'slow', 'events');
    const [connection] = [...fuseMounts().values()].filter(
      ({entries}) => entries[0].target === mounted.target,
    );
    server = serversByConnection().get(connection!.connection)!;
    process.kill(server, 'SIGSTOP');
  });
  afterEach(async () => {
    if (existsSync(`/proc/${server}`)) process.kill(server, 'SIGCONT');
    await mounted.discard();
  });
  const isMounted = (): boolean => readMounts().some(({target}) => target === mounted.target);

  test('is shown', () => {
    const {code, stdout} = fuseward(['status', '--json', mounted.target]);
    expect({code, target: JSON.parse(stdout).target}).toEqual({code: 0, target: mounted.target});
  });

  test('is shown and taken away through a link to a directory above', () => {
    const link = `${mounted.target}-link`;
    symlinkSync(join(mounted.target, '..'), link);
    const path = join(link, basename(mounted.target));
    try {
      expect(fuseward(['status', path]).code).toBe(0);
      expect(fuseward(['umount', '--lazy', path])).toMatchObject({code: 0, stderr: ''});
      expect(isMounted()).toBe(false);
    } finally {
      rmSync(link);
    }
  });

  test('does not keep what came from it from being unmounted', () => {
    const target = mkdtempSync(join(tmpdir(), 'fuseward-inner-'));
    using device = openFd('/dev/fuse', O_RDWR);
    const options = `fd=${device.fd},rootmode=40000,user_id=0,group_id=0`;
    mountAt(join(mounted.target, 'slow'), target, 'fuse', 0, options);
    process.kill(server, 'SIGKILL');
    try {
      expect(fuseward(['umount', target])).toEqual({code: 0, stdout: '', stderr: ''});
    } finally {
      if (readMounts().some((mount) => mount.target === target)) umount(target, MNT_DETACH);
      rmSync(target, {recursive: true});
    }
  });

  test('is taken away by force', () => {
    expect(fuseward(['umount', '--force', mounted.target]).code).toBe(0);
    expect(isMounted()).toBe(false);
  });
});
