import {spawnSync} from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {CHECKOUT} from '../support/checkout.js';
import {type Bench, bench, settled} from './command-support.js';
import {missingForMounts} from './helper-support.js';

/** A minute and a half: npm may have to fetch some thirty megabytes. */
const NPM_MS = 90_000;

const missing = missingForMounts();
const NO_MOUNT = missing === undefined ? '' : ` (skipped: ${missing})`;

let dir: string;
let root: string;
let prefix: string;
let unavailable: string | undefined;

function npm(...args: string[]): string {
  const options = ['--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline'];
  const {status, stdout, stderr} = spawnSync('npm', [...args, ...options], {
    cwd: CHECKOUT,
    encoding: 'utf8',
    timeout: NPM_MS,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (status !== 0) throw new Error(`npm ${args.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}

/** Runs a program of the installed package in an environment with nothing of this checkout. */
function run(...args: string[]): {code: number | null; stdout: string; stderr: string} {
  const {status, stdout, stderr} = spawnSync(join(prefix, 'bin/fuseward'), args, {
    cwd: '/',
    encoding: 'utf8',
    timeout: 60_000,
    env: {PATH: '/usr/bin:/bin'},
  });
  return {code: status, stdout, stderr};
}

beforeAll(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'fuseward-npm-')));
  root = join(dir, 'root');
  prefix = join(root, 'usr/local');
  mkdirSync(join(root, 'sbin'), {recursive: true});
  const tarball = npm('pack', '--pack-destination', dir).trim().split('\n').at(-1)!;
  try {
    npm('install', '--global', '--prefix', prefix, join(dir, tarball));
  } catch (error) {
    if (!/EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ENOTCACHED|ETIMEDOUT/.test(String(error))) throw error;
    unavailable = 'the npm registry can not be reached';
  }
}, 2 * NPM_MS);
afterAll(() => rmSync(dir, {recursive: true}));

describe('the npm package, installed globally', () => {
  const tests: Array<[title: string, body: () => void | Promise<void>]> = [
    [
      'has the program, units, policy, man page and completions, and nothing to develop it with',
      () => {
        const place = join(prefix, 'lib/node_modules/fuseward');
        const {version} = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8')) as {
          version: string;
        };
        expect(run('--version')).toMatchObject({code: 0, stdout: `fuseward ${version}\n`});
        for (const name of ['units', 'policy/defaults.toml', 'completions/_fuseward', 'bin/mount.fuseward']) {
          expect(existsSync(join(place, name)), name).toBe(true);
        }
        for (const name of ['src', 'test', 'scripts', 'bin/node-path', 'node_modules/typescript']) {
          expect(existsSync(join(place, name)), name).toBe(false);
        }
        expect(statSync(join(prefix, 'share/man/man8/fuseward.8')).isFile()).toBe(true);
      },
    ],
    [
      '"fuseward install" points units and helpers to it, and "uninstall" leaves nothing',
      () => {
        const before = spawnSync('find', [root, '-printf', '%P %y %s\n'], {encoding: 'utf8'})
          .stdout.split('\n')
          .sort();
        const {code, stdout, stderr} = run('install', '--root', root);
        expect([code, stderr]).toEqual([0, '']);
        expect(stdout).toContain(
          `wrote ${root}/sbin/mount.fuseward -> /usr/local/lib/node_modules/fuseward/bin/`,
        );
        expect(lstatSync(join(root, 'sbin/mount.fuseward')).isSymbolicLink()).toBe(true);
        const unit = readFileSync(join(root, 'usr/local/lib/systemd/system/fuseward.service'), 'utf8');
        expect(unit).toMatch(/^ExecStart=\/usr\/local\/lib\/node_modules\/fuseward\/bin\/fuseward daemon/m);
        expect(unit).not.toContain('/usr/bin/fuseward');
        expect(run('install', '--root', root).stdout).toBe('everything is in place already\n');
        expect(run('uninstall', '--root', root)).toMatchObject({code: 0, stderr: ''});
        const after = spawnSync('find', [root, '-printf', '%P %y %s\n'], {encoding: 'utf8'})
          .stdout.split('\n')
          .sort();
        expect(after).toEqual(before);
      },
    ],
  ];
  for (const [title, body] of tests) {
    test(title, async ({skip}) => {
      skip(unavailable !== undefined, unavailable);
      await body();
    });
  }

  describe.skipIf(NO_MOUNT !== '')(`mounts${NO_MOUNT}`, () => {
    let place: Bench;
    beforeAll(() => {
      place = bench();
    });
    afterAll(() => place.remove());

    test('an image, through a contained server, and leaves nothing', async ({skip}) => {
      skip(unavailable !== undefined, unavailable);
      expect(run('mount', '-t', 'ext4', place.image, place.target)).toMatchObject({code: 0, stderr: ''});
      expect(readFileSync(join(place.target, 'field.ts'), 'utf8')).toBe(
        readFileSync(join(CHECKOUT, 'src/wire/field.ts'), 'utf8'),
      );
      expect(run('umount', place.target)).toMatchObject({code: 0, stderr: ''});
      expect(await settled(place.dir, Number.POSITIVE_INFINITY)).toMatchObject({mounts: [], loops: []});
    });
  });
});
