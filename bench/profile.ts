import {type ChildProcess, execFileSync, spawn} from 'node:child_process';
import {on, once} from 'node:events';
import {mkdtempSync, readFileSync, rmdirSync, rmSync} from 'node:fs';
import {cpus, tmpdir} from 'node:os';
import {join} from 'node:path';
import {GLIBC_TUNABLES} from '../src/launch/embedded.js';
import {bundle} from '../test/support/bundle.mjs';
import {run} from '../test/support/mounts.js';
import {benchImage, FULL, SHORT} from './image.js';
import {dropCaches, warm} from './machine/caches.js';
import {allowUring} from './machine/uring-switch.js';
import {type Operation, work} from './native/client.js';
import {optionsOf} from './options.js';
import {installed, isProgram} from './packages.js';
import {markdown} from './report/table.js';

/** Where our ext4 server spends its time in one kind of work: a table of functions, the kernel's among them. See bench/README.md. */
const USAGE = 'bench:profile -- OPERATION [--short] [--cold] [--uring] [--count N] [--top N]';
const {values: options, positionals} = optionsOf(USAGE, {
  allowPositionals: true,
  options: {
    short: {type: 'boolean', default: false},
    cold: {type: 'boolean', default: false},
    uring: {type: 'boolean', default: false},
    count: {type: 'string'},
    top: {type: 'string', default: '25'},
  },
});
const operation = positionals[0] as Operation | undefined;
if (operation === undefined) throw new Error(`usage: npm run ${USAGE}`);
if (!installed(() => isProgram('perf'), 'linux-perf'))
  throw new Error('there is no perf: install linux-perf');

const size = options.short ? SHORT : FULL;
const image = benchImage(size);
const COUNTS: Partial<Record<Operation, number>> = {'stat-birth': size.files, 'read-small': size.small};
const count = Number(options.count ?? COUNTS[operation] ?? 2 * size.reads);
const directory = mkdtempSync(join(tmpdir(), 'fuseward-bench-profile-'));
const samples = `${directory}.data`;
const program = await bundle('bench/profile/server.ts');

/** Percent of samples by function, whatever tier its code was in, the largest first. */
function functions(): Array<{percent: number; where: string; name: string}> {
  const found = new Map<string, {percent: number; where: string; name: string}>();
  const report = run('perf', ['report', '-i', samples, '--stdio', '--sort', 'sym']);
  for (const line of report.split('\n')) {
    const [, percent, mode, symbol] = /^\s+([\d.]+)%\s+\[(.)\]\s+(.+?)\s*$/.exec(line) ?? [];
    if (symbol === undefined) continue;
    const where = mode === 'k' ? 'kernel' : 'server';
    const name = plain(symbol);
    const same = found.get(`${where} ${name}`) ?? {percent: 0, where, name};
    same.percent += Number(percent);
    found.set(`${where} ${name}`, same);
  }
  return [...found.values()].sort((one, other) => other.percent - one.percent);
}

/** Percent of samples of threads other than the one that serves: V8's compilers and collectors. */
function ofOtherThreads(pid: number): number {
  const report = run('perf', ['report', '-i', samples, '--stdio', '--sort', 'pid']);
  const threads = [...report.matchAll(/^\s+([\d.]+)%\s+(\d+):/gm)];
  return threads.reduce((sum, [, percent, tid]) => sum + (Number(tid) === pid ? 0 : Number(percent)), 0);
}

/** V8's names hold the tier of the code and the bundle's path. */
function plain(name: string): string {
  return name
    .replace(/^(JS|LazyCompile|Function|Script|Builtin):[*~^']?/, '')
    .replace(/ ?\S*\/bundle\/\S+?:(\d+)(:\d+)?$/, '');
}

/** Waits for a word on the standard output of a process, on which V8 has much to say as well. */
async function told(child: ChildProcess, word: string): Promise<void> {
  let text = '';
  for await (const data of on(child.stdout!, 'data')) {
    text += data;
    if (text.includes(word)) return;
  }
}

function contextSwitches(pid: number): number {
  return Number(
    /^voluntary_ctxt_switches:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0,
  );
}

const restore = options.uring ? allowUring() : () => undefined;
const queues = options.uring ? [`${cpus().length}`] : [];
const server: ChildProcess = spawn(
  process.execPath,
  [
    '--perf-basic-prof',
    '--logfile=/dev/null',
    '--no-logfile-per-isolate',
    program,
    image,
    directory,
    ...queues,
  ],
  {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {...process.env, GLIBC_TUNABLES},
  },
);
const ended = once(server, 'exit');
try {
  await Promise.race([told(server, 'mounted'), ended]);
  const pid = server.pid!;
  if (options.cold) dropCaches();
  else warm(image);
  const perf = spawn(
    'perf',
    ['record', '-q', '-e', 'cpu-clock', '-F', '4000', '-p', `${pid}`, '-o', samples],
    {
      stdio: 'inherit',
    },
  );
  const perfEnded = once(perf, 'exit');
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const before = contextSwitches(pid);
  const outcome = work(directory, {operation, count, jobs: 1});
  const switches = contextSwitches(pid) - before;
  perf.kill('SIGINT');
  await perfEnded;
  const all = functions();
  const kernelShare = all.reduce((sum, {percent, where}) => sum + (where === 'kernel' ? percent : 0), 0);
  console.log(
    `\`bench:profile ${process.argv.slice(2).join(' ')}\`: ${(outcome.ns / 1e9).toFixed(2)} s, ${outcome.count} things, client ${(outcome.cpuUs / 1e6).toFixed(2)} s; server: ${kernelShare.toFixed(0)} % of its samples in the kernel, ${ofOtherThreads(pid).toFixed(0)} % of threads of V8, ${switches} times asleep.\n`,
  );
  const rows = all
    .slice(0, Number(options.top))
    .map(({percent, where, name}) => [name, where, `${percent.toFixed(1)} %`]);
  console.log(markdown(['', 'in', 'of its samples'], rows));
} finally {
  try {
    execFileSync('umount', [directory], {stdio: 'ignore'});
  } catch {
    server.kill('SIGKILL');
  }
  await ended;
  restore();
  rmdirSync(directory);
  for (const file of [samples, program, `/tmp/perf-${server.pid}.map`]) rmSync(file, {force: true});
}
