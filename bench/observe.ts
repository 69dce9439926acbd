import {spawnSync} from 'node:child_process';
import {closeSync, mkdtempSync, openSync, readSync, rmdirSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {ControlClient} from '../src/control/client.js';
import {serverMessages} from '../src/control/schemas.js';
import {mountExt4} from '../test/integration/observe-support.js';
import {cString, lgetxattr} from '../test/support/posix.js';
import {benchImage} from './image.js';

/**
 * The price of a relay: the same work on the same image without and with one, in turn. A question that the kernel never keeps the
 * answer to (an extended attribute that there is not), and a sequential read of what is not in the page cache of the mount.
 */
const SIZE = {files: 2000, small: 500, bigMiB: 256};
const QUESTIONS = 20_000;
const ROUNDS = Number(process.argv[2] ?? 5);

interface Outcome {
  readonly questionUs: number;
  readonly readMiBs: number;
}

function perQuestion(target: string): number {
  const path = cString(join(target, 'lost+found'));
  const ask = (): void => {
    try {
      lgetxattr(path, 'user.none');
    } catch {
      // There is none.
    }
  };
  for (let warm = 0; warm < 1000; warm++) ask();
  const started = performance.now();
  for (let asked = 0; asked < QUESTIONS; asked++) ask();
  return ((performance.now() - started) * 1000) / QUESTIONS;
}

function readSpeed(file: string): number {
  const buffer = Buffer.alloc(1 << 20);
  const fd = openSync(file, 'r');
  const started = performance.now();
  let bytes = 0;
  for (let got = 1; got > 0; bytes += got) got = readSync(fd, buffer, 0, buffer.length, null);
  closeSync(fd);
  return bytes / 2 ** 20 / ((performance.now() - started) / 1000);
}

async function measure(observed: boolean): Promise<Outcome> {
  const target = mkdtempSync(join(tmpdir(), 'fuseward-bench-'));
  const {controlSocket} = await mountExt4(benchImage(SIZE), target, {observed});
  try {
    const outcome = {questionUs: perQuestion(target), readMiBs: readSpeed(join(target, 'sequential'))};
    if (observed) await wasRelayed(controlSocket!);
    return outcome;
  } finally {
    spawnSync('umount', [target]);
    rmdirSync(target);
    rmSync(controlSocket!, {force: true});
  }
}

/** The relay must have been in the way of what was measured. */
async function wasRelayed(controlSocket: string): Promise<void> {
  const client = await ControlClient.connect(controlSocket, serverMessages);
  const {operations} = await client.request({do: 'stats'});
  client.close();
  const questions = operations['GETXATTR']?.count ?? 0;
  const bytes = operations['READ']?.bytesOut ?? 0;
  if (questions < QUESTIONS || bytes < SIZE.bigMiB * 2 ** 20) {
    throw new Error(`the relay saw ${questions} questions and ${bytes} bytes`);
  }
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

const outcomes: Record<'without' | 'with', Outcome[]> = {without: [], with: []};
for (let round = 0; round < ROUNDS; round++) {
  outcomes.without.push(await measure(false));
  outcomes.with.push(await measure(true));
}
for (const [what, unit, of] of [
  ['a question to the server', 'µs', (each: Outcome) => each.questionUs],
  ['sequential read', 'MiB/s', (each: Outcome) => each.readMiBs],
] as const) {
  const [without, observed] = [median(outcomes.without.map(of)), median(outcomes.with.map(of))];
  const words = `without ${without.toFixed(1)} ${unit}, with ${observed.toFixed(1)} ${unit}`;
  console.log(`${what}: ${words}, ratio ${(observed / without).toFixed(2)}`);
}
