import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {loadavg, tmpdir} from 'node:os';
import {join} from 'node:path';
import {parseArgs} from 'node:util';
import {loadPolicy} from '../src/policy/index.js';
import {CHECKOUT} from '../test/support/checkout.js';
import {mountContained, unmountContained} from '../test/support/contained-mount.js';
import {FOREIGN_SERVERS, type ForeignServer, type Input, policyFor} from '../test/support/foreign/servers.js';
import {run} from '../test/support/mounts.js';

/**
 * What the sandbox costs a FUSE server of Debian's: one file read through it from end to end, contained and as root runs it by hand, in turn, on the same source.
 * Both are mounted anew for each reading, so nothing of the mount is cached.
 */
const {values: options} = parseArgs({
  options: {rounds: {type: 'string', default: '5'}, only: {type: 'string'}},
});
/** Bytes of the file that is read: large enough that starting is no part of it, small enough for twelve images. */
const SIZE = 48 * 2 ** 20;
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
  return bytes / 2 ** 20 / (Number(process.hrtime.bigint() - start) / 1e9);
}

function isMounted(target: string): boolean {
  try {
    run('mountpoint', ['-q', target]);
    return true;
  } catch {
    return false;
  }
}

async function uncontained(
  server: ForeignServer,
  input: Input,
  target: string,
  policies: string,
): Promise<number> {
  const {command = [], grants, environment, secrets} = loadPolicy(server.type, policies).server;
  const places = grants.map(({path, place}) => [place.replace(/^\//, ''), path] as const);
  const words = command
    .map((word) =>
      word
        .replace('{source}', input.source)
        .replace('{target}', target)
        .replace('{options}', (input.options ?? []).join(','))
        .replace(/\{secret:(\w+)\}/, (_, name: string) => secrets[name] ?? ''),
    )
    .map((word) =>
      places.reduce(
        (text, [place, path]) =>
          text.replaceAll(
            new RegExp(`(^|[:=/])${place}(?=[,:=]|$)`, 'g'),
            (_, before: string) => `${before === '/' ? '' : before}${path}`,
          ),
        word,
      ),
    )
    .map((word) => word.replace(/^,|,$/g, ''))
    .filter((word, index, all) => word !== '' && !(word === '-o' && all[index + 1] === ''));
  const child: ChildProcess = spawn(words[0]!, words.slice(1), {
    stdio: 'ignore',
    env: {...process.env, ...environment},
  });
  const ended = once(child, 'exit');
  for (let tries = 0; !isMounted(target); tries++) {
    if (tries === 200) throw new Error(`${words.join(' ')} does not mount`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  try {
    return read(target);
  } finally {
    run('umount', [target]);
    await ended;
  }
}

function contained(server: ForeignServer, input: Input, target: string, policies: string): number {
  const given = (input.options ?? []).flatMap((option) => ['-o', option]);
  mountContained(input.source, target, ['--policy', policies, '-t', server.type, ...given]);
  try {
    return read(target);
  } finally {
    unmountContained(target);
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

const cell = (values: readonly number[]): string =>
  `${median(values).toFixed(0)} (${Math.min(...values).toFixed(0)}–${Math.max(...values).toFixed(0)})`;

console.log(`Load ${loadavg()[0]?.toFixed(1)} before; median (least–largest) of ${rounds} rounds, MiB/s.\n`);
console.log('| type | contained | by hand, as root | ratio |');
console.log('| --- | ---: | ---: | ---: |');
for (const server of FOREIGN_SERVERS) {
  if (options.only !== undefined && server.type !== options.only) continue;
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'fuseward-foreign-')));
  const target = join(directory, 'mnt');
  const policies = join(directory, 'policy.d');
  mkdirSync(target);
  mkdirSync(policies, {mode: 0o755});
  const input = await server.prepare(directory, SIZE);
  try {
    const shipped = join(CHECKOUT, 'policy', `${server.type}.toml`);
    writeFileSync(join(policies, `${server.type}.toml`), policyFor(shipped, input.policy ?? ''));
    const held: number[] = [];
    const free: number[] = [];
    for (let i = 0; i < rounds; i++) {
      held.push(contained(server, input, target, policies));
      // exfat-fuse mounts block devices alone where root starts it.
      if (server.type !== 'exfat') free.push(await uncontained(server, input, target, policies));
    }
    const compared =
      free.length === 0 ? '– | –' : `${cell(free)} | ${(median(held) / median(free)).toFixed(2)}`;
    console.log(`| ${server.type} | ${cell(held)} | ${compared} |`);
  } finally {
    await input.peer?.close();
    rmSync(directory, {recursive: true});
  }
}
