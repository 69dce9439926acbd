import {mkdirSync, readdirSync, readFileSync, statfsSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {describe, expect, test} from 'vitest';
import {allowedCpus, countCpus} from '../../src/sys/affinity.js';
import {type Bench, fuseward, withBench} from './command-support.js';
import {missingForMounts} from './helper-support.js';

const missing =
  missingForMounts() ?? (countCpus(allowedCpus()) < 2 ? 'there is but one processor' : undefined);
const QUESTIONS = 2_000;
let place: Bench;

/** Mounts with a window of so many microseconds. @returns the server's process */
function mount(microseconds: number): number {
  const policy = join(place.dir, 'policy');
  mkdirSync(policy);
  writeFileSync(join(policy, 'ext4.toml'), `[server]\nbusy_poll_microseconds = ${microseconds}\n`);
  const words = ['mount', '--json', '--policy', policy, '-t', 'ext4', place.image, place.target];
  const {code, stdout, stderr} = fuseward(words);
  if (code !== 0) throw new Error(`mount: ${code} ${stdout} ${stderr}`);
  return JSON.parse(stdout).serverPid;
}

/** Of each thread of a process, one number by the kernel's word. */
const ofThreads = (pid: number, file: string, number: RegExp): number[] =>
  readdirSync(`/proc/${pid}/task`).map((id) =>
    Number(number.exec(readFileSync(`/proc/${pid}/task/${id}/${file}`, 'latin1'))?.[1]),
  );
/** How often the thread of it that slept most often did so. */
const sleepsOf = (pid: number): number =>
  Math.max(...ofThreads(pid, 'status', /^voluntary_ctxt_switches:\s*(\d+)/m));
/** The same of how often it gave its processor up: a caller on the same one takes it from the server that has woken him, which then need not sleep. */
const switchesOf = (pid: number): number => {
  const taken = ofThreads(pid, 'status', /^nonvoluntary_ctxt_switches:\s*(\d+)/m);
  return Math.max(
    ...ofThreads(pid, 'status', /^voluntary_ctxt_switches:\s*(\d+)/m).map(
      (own, index) => own + taken[index]!,
    ),
  );
};
/** Milliseconds of processor time. */
const timeOf = (pid: number): number =>
  ofThreads(pid, 'schedstat', /^(\d+)/).reduce((sum, ns) => sum + ns, 0) / 1e6;

/** Questions that the kernel can't answer by itself, one right after the other. */
function ask(): void {
  for (let count = 0; count < QUESTIONS; count++) statfsSync(place.target);
}

describe.skipIf(missing)(`busy polling${missing ? ` (skipped: ${missing})` : ''}`, () => {
  withBench((fresh) => {
    place = fresh;
  });

  test('a server does not sleep between requests that follow each other, and sleeps when they end', async () => {
    const server = mount(10_000);
    ask();
    const before = sleepsOf(server);
    ask();
    expect(sleepsOf(server) - before).toBeLessThan(QUESTIONS / 5);
    await sleep(200);
    const used = timeOf(server);
    await sleep(1_000);
    expect(timeOf(server) - used).toBeLessThan(100);
    expect(fuseward(['umount', place.target]).code).toBe(0);
  });

  test('with a window of nothing it gives its processor up for each', () => {
    const server = mount(0);
    ask();
    const before = switchesOf(server);
    ask();
    expect(switchesOf(server) - before).toBeGreaterThan(QUESTIONS / 2);
    expect(fuseward(['umount', place.target]).code).toBe(0);
  });
});
