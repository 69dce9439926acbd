import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {loadavg, tmpdir} from 'node:os';
import {join} from 'node:path';
import {loadPolicy, type ServerPolicy} from '../src/policy/index.js';
import {CHECKOUT} from '../test/support/checkout.js';
import {fuseward, mountContained, unmountContained} from '../test/support/contained-mount.js';
import {FOREIGN_SERVERS, type ForeignServer, type Input, policyFor} from '../test/support/foreign/servers.js';
import {run} from '../test/support/mounts.js';
import {mountedByHand, wordsByHand} from './foreign/by-hand.js';
import {type Measured, readmeRows, shownRow} from './foreign/table.js';
import {optionsOf} from './options.js';

/**
 * What the sandbox costs a FUSE server of Debian's: one file read through it from end to end, contained and as root runs it by hand, in turn, on the same source.
 * Both are mounted anew for each reading, so nothing of the mount is cached; what lies below is. A first round of both is not counted.
 */
const {values: options} = optionsOf('bench:foreign -- [--rounds N] [--only TYPES] [--out FILE] [--docs]', {
  options: {
    rounds: {type: 'string', default: '5'},
    /** Types, with commas between. */
    only: {type: 'string'},
    /** A file for README's rows. */
    out: {type: 'string'},
    /** Puts the rows into README.md. */
    docs: {type: 'boolean', default: false},
  },
});
/** Bytes of the file that is read: large enough that starting is no part of it, small enough for twelve images. */
const SIZE = 48 * 2 ** 20;
const README = join(CHECKOUT, 'README.md');
const rounds = Number(options.rounds);

/** Reads the file from a fresh mount. @returns MiB/s */
function read(target: string): number {
  const buffer = Buffer.alloc(1 << 20);
  const start = process.hrtime.bigint();
  let bytes = 0;
  const fd = openSync(join(target, 'big'), 'r');
  for (let count = 1; count > 0; ) {
    count = readSync(fd, buffer, 0, buffer.length, null);
    bytes += count;
  }
  closeSync(fd);
  if (bytes !== SIZE) throw new Error(`${target}/big has ${bytes} bytes`);
  return bytes / 2 ** 20 / (Number(process.hrtime.bigint() - start) / 1e9);
}

/** By which way a mounted server came to its mount, from the adapter's log. */
function wayTaken(target: string, {way}: ServerPolicy): string {
  if (way !== 'auto') return way;
  // The whole log: people are shown its end alone.
  const {log} = JSON.parse(fuseward('status', '--json', target).stdout) as {log?: string};
  const asked = /the program asks by (fusermount|mount)/.exec(log ?? '')?.[1];
  return asked === undefined ? way : `auto: ${asked}`;
}

interface Trial {
  readonly server: ForeignServer;
  readonly input: Input;
  readonly target: string;
  readonly policies: string;
  readonly policy: ServerPolicy;
}

function contained({server, input, target, policies, policy}: Trial): {speed: number; way: string} {
  const given = (input.options ?? []).flatMap((option) => ['-o', option]);
  mountContained(input.source, target, ['--policy', policies, '-t', server.type, ...given]);
  try {
    return {speed: read(target), way: wayTaken(target, policy)};
  } finally {
    unmountContained(target);
  }
}

async function measure(trial: Trial): Promise<Measured> {
  const {server, input, target, policy} = trial;
  const words = wordsByHand(policy, input, target);
  const byHand = (): Promise<number> => mountedByHand(words, policy.environment, target, () => read(target));
  const {way} = contained(trial);
  await byHand();
  const speeds = {contained: [] as number[], byHand: [] as number[]};
  for (let i = 0; i < rounds; i++) {
    // Who is first may find the machine otherwise.
    if (i % 2 === 0) speeds.contained.push(contained(trial).speed);
    speeds.byHand.push(await byHand());
    if (i % 2 !== 0) speeds.contained.push(contained(trial).speed);
  }
  return {type: server.type, way, ...speeds};
}

/** Measures one type in a directory of its own, of which nothing is left. */
async function tried(server: ForeignServer): Promise<Measured> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'fuseward-foreign-')));
  const target = join(directory, 'mnt');
  const policies = join(directory, 'policy.d');
  let input: Input | undefined;
  let device: string | undefined;
  try {
    mkdirSync(target);
    mkdirSync(policies, {mode: 0o755});
    input = await server.prepare(directory, SIZE);
    // As root it mounts block devices alone.
    if (server.type === 'exfat')
      device = run('losetup', ['--find', '--show', '--read-only', input.source]).trim();
    const source = device ?? input.source;
    const shipped = join(CHECKOUT, 'policy', `${server.type}.toml`);
    writeFileSync(join(policies, `${server.type}.toml`), policyFor(shipped, input.policy ?? ''));
    const policy = loadPolicy(server.type, policies).server;
    return await measure({server, input: {...input, source}, target, policies, policy});
  } finally {
    if (device !== undefined) run('losetup', ['--detach', device]);
    await input?.peer?.close();
    rmSync(directory, {recursive: true});
  }
}

const wanted = options.only?.split(',');
const measured: Measured[] = [];
const failed: string[] = [];
console.log(
  `Load ${loadavg()[0]?.toFixed(1)} before; median (least–largest) of ${rounds} rounds, MiB/s; the ratio is the median of the rounds'.\n`,
);
console.log('| type | way in | contained | by hand, as root | ratio |');
console.log('| --- | --- | ---: | ---: | ---: |');
for (const server of FOREIGN_SERVERS) {
  if (wanted !== undefined && !wanted.includes(server.type)) continue;
  try {
    const result = await tried(server);
    measured.push(result);
    console.log(shownRow(result));
  } catch (error) {
    failed.push(server.type);
    console.log(`| ${server.type} | failed: ${(error as Error).message.split('\n')[0]} | | | |`);
  }
}
const readme = readFileSync(README, 'utf8');
const rows = readmeRows(readme, measured);
if (options.out !== undefined) writeFileSync(options.out, `${[...rows.values()].join('\n')}\n`);
if (options.docs) {
  writeFileSync(
    README,
    [...rows].reduce((text, [before, after]) => text.replace(before, () => after), readme),
  );
}
if (failed.length > 0) process.exitCode = 1;
