import {execFileSync} from 'node:child_process';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import {cpus, loadavg, release, tmpdir, totalmem} from 'node:os';
import {join} from 'node:path';
import {parseArgs} from 'node:util';
import {bundle} from '../test/support/bundle.mjs';
import {memoryOf} from '../test/support/contained-mount.js';
import {MIB} from '../test/support/images.js';
import {type Contender, contenders} from './contenders.js';
import {benchImage, FULL, SHORT} from './image.js';

import {type Line, table} from './table.js';

/**
 * The same work on the same image through the kernel's ext4, Debian's fuse2fs and fuseward, in turn, several
 * rounds. Each round mounts anew, so *first* means that nothing of the mount is cached; the image file itself is in the
 * page cache, so that the disk below is not measured.
 */
const {values: options} = parseArgs({
  options: {
    short: {type: 'boolean', default: false},
    rounds: {type: 'string'},
    only: {type: 'string'},
    out: {type: 'string'},
  },
});
const size = options.short ? SHORT : FULL;
const rounds = Number(options.rounds ?? (options.short ? 1 : 5));

const PHASES: ReadonlyArray<readonly [line: string, operation: string, unit: 'ms' | 'MiB/s']> = [
  [`walk of ${size.files} files, first`, 'walk', 'ms'],
  ['the same walk again', 'walk', 'ms'],
  [`statx of ${size.files} files with birth time, first`, 'stat', 'ms'],
  ['the same statx again', 'stat', 'ms'],
  [`open and read ${size.small} small files, first`, 'read-small', 'ms'],
  ['the same files again', 'read-small', 'ms'],
  [`sequential read of ${size.bigMiB} MiB, first`, 'sequential', 'MiB/s'],
  ['the same read again', 'sequential', 'MiB/s'],
  [`${size.small} random reads of 4 KiB, first`, 'random', 'ms'],
  ['the same reads again', 'random', 'ms'],
];
const MOUNT = 'mount to first stat';
const MEMORY = 'memory of the server at the end';

/** Reads a file once, so that it is in the page cache. */
function warm(path: string): void {
  const buffer = Buffer.alloc(1 << 20);
  const fd = openSync(path, 'r');
  while (readSync(fd, buffer, 0, buffer.length, null) > 0);
  closeSync(fd);
}

const lines = new Map<string, Line>();
function record(name: string, unit: Line['unit'], contender: string, value: number): void {
  const line = lines.get(name) ?? {name, unit, values: new Map<string, number[]>()};
  lines.set(name, line);
  line.values.set(contender, [...(line.values.get(contender) ?? []), value]);
}

const sums = new Map<string, string>();
function measure(client: string, contender: Contender, target: string, phase: number): void {
  const [name, operation, unit] = PHASES[phase]!;
  const args = [client, operation, target, `${size.files}`, `${size.small}`];
  const [elapsed, sum = ''] = execFileSync(process.execPath, args, {encoding: 'utf8'}).trim().split(' ');
  const expected = sums.get(operation) ?? sum;
  sums.set(operation, expected);
  if (sum !== expected) throw new Error(`${contender.name}: ${operation} gave ${sum}, others ${expected}`);
  const ms = Number(elapsed) / 1e6;
  record(name, unit, contender.name, unit === 'ms' ? ms : (size.bigMiB * 1000) / ms);
}

function round(client: string, contender: Contender, image: string, target: string): void {
  warm(image);
  const start = process.hrtime.bigint();
  contender.mount(image, target);
  try {
    statSync(join(target, 'sequential'));
    record(MOUNT, 'ms', contender.name, Number(process.hrtime.bigint() - start) / 1e6);
    for (let phase = 0; phase < PHASES.length; phase++) measure(client, contender, target, phase);
    const servers = contender.servers(image, target);
    if (servers.length > 0) record(MEMORY, 'MiB', contender.name, memoryOf(servers) / MIB);
  } finally {
    contender.unmount(target);
  }
}

const busy = loadavg()[0]?.toFixed(1);
const image = benchImage(size);
const client = await bundle('bench/client.ts');
const target = mkdtempSync(join(tmpdir(), 'fuseward-bench-'));
const taking = contenders().filter(({name}) => options.only === undefined || name.includes(options.only));
try {
  for (let i = 0; i < rounds; i++) {
    for (const contender of taking) round(client, contender, image, target);
    console.error(`round ${i + 1} of ${rounds} done`);
  }
} finally {
  rmdirSync(target);
  rmSync(client);
}
const names = taking.map((contender) => contender.name);
const text = [
  `${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}; load ${busy} before.`,
  `${taking.map(({name, version}) => `${name}: ${version}`).join('; ')}.`,
  `Median (least–largest) of ${rounds} alternating rounds; the last columns say how many times better fuseward is.`,
  '',
  table([...lines.values()], names),
  '',
].join('\n');
console.log(text);
if (options.out !== undefined) writeFileSync(options.out, text);
