import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import {readFile} from 'node:fs/promises';
import {connect} from 'node:net';
import {Worker} from 'node:worker_threads';
import {restrictToNothing} from '../../../src/sys/landlock.js';
import {restrictOtherThreads} from '../../../src/sys/landlock-threads.js';
import {gettid, hasNoNewPrivs, setNoNewPrivs, threadStates} from '../../../src/sys/process.js';
import {buildFilter, installFilter} from '../../../src/sys/seccomp.js';

// The process that the confinement tests start: confines itself as its first argument says, tries things, and reports in JSON.
const [scenario, directory] = process.argv.slice(2) as [string, string];

/** 'ok', or the code of the error. */
function outcome(attempt: () => unknown): string {
  try {
    attempt();
    return 'ok';
  } catch (error) {
    return (error as {code?: string}).code ?? String(error);
  }
}

function report(value: unknown): void {
  console.log(JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? Number(v) : v)));
}

/** A worker thread that runs a line each time it is told to, on threads that are there before the confinement. */
function helper(line: string): Promise<{run(): Promise<string>; stop(): Promise<number>}> {
  const source = `const {parentPort} = require('node:worker_threads'); const fs = require('node:fs');
    parentPort.on('message', () => { let answer = 'ok'; try { ${line} } catch (error) { answer = error.code; } parentPort.postMessage(answer); });
    parentPort.postMessage('ready');`;
  const worker = new Worker(source, {eval: true});
  const next = () => new Promise<string>((resolve) => worker.once('message', resolve));
  return next().then(() => ({
    run: () => {
      const answer = next();
      worker.postMessage(0);
      return answer;
    },
    stop: () => worker.terminate(),
  }));
}

function refusedConnect(port = 9): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve('ok'));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
  });
}

const scenarios: Record<string, () => Promise<void>> = {
  async landlock() {
    const file = `${directory}/file`;
    const open = openSync(file, 'r');
    await readFile(file); // starts a thread of libuv's pool
    setNoNewPrivs();
    const result = restrictToNothing();
    const buffer = Buffer.alloc(7);
    report({
      result,
      noNewPrivs: hasNoNewPrivs(),
      read: outcome(() => readFileSync(file)),
      list: outcome(() => readdirSync(directory)),
      write: outcome(() => writeFileSync(`${directory}/new`, '')),
      mkdir: outcome(() => mkdirSync(`${directory}/folder`)),
      truncate: outcome(() => truncateSync(file)),
      proc: outcome(() => readFileSync('/proc/self/status')),
      stat: outcome(() => statSync(file)),
      opened: [readSync(open, buffer), buffer.toString()],
      signal: outcome(() => process.kill(process.ppid, 0)),
      connect: await refusedConnect(),
      poolThread: await readFile(file).then(
        () => 'ok',
        (error) => error.code,
      ),
    });
    closeSync(open);
  },

  async 'landlock-ports'() {
    setNoNewPrivs();
    restrictToNothing({connectPorts: [9, 65_535]});
    report({9: await refusedConnect(9), 10: await refusedConnect(10), 65535: await refusedConnect(65_535)});
  },

  async 'landlock-other-threads'() {
    const file = `${directory}/file`;
    await readFile(file); // starts the threads of libuv's pool
    const worker = await helper(`fs.readFileSync(${JSON.stringify(file)})`);
    const outcome = restrictOtherThreads(new Set([gettid()]));
    const pool = await Promise.all(
      Array.from({length: 8}, () =>
        readFile(file).then(
          () => 'ok',
          (error) => error.code,
        ),
      ),
    );
    report({outcome, threads: threadStates().size, pool, worker: await worker.run()});
    await worker.stop();
  },

  async 'landlock-without-no-new-privs'() {
    report({outcome: outcome(() => restrictToNothing())});
  },

  async 'seccomp-without-no-new-privs'() {
    const filter = buildFilter([], {defaultAction: 'allow'});
    report({outcome: outcome(() => installFilter(filter, {tsync: true}))});
  },

  async 'seccomp-errno'() {
    const other = await helper(`fs.mkdirSync(${JSON.stringify(`${directory}/b`)})`);
    const pool = readFile('/proc/self/status');
    await pool;
    setNoNewPrivs();
    const filter = buildFilter(
      [
        {syscall: 'mkdir', action: {errno: 'ENOTDIR'}},
        {syscall: 'mkdirat', action: {errno: 'ENOTDIR'}},
      ],
      {defaultAction: 'allow'},
    );
    installFilter(filter, {tsync: true});
    const threads = [...threadStates().values()];
    report({
      main: outcome(() => mkdirSync(`${directory}/a`)),
      worker: await other.run(),
      threads: threads.length,
      filtered: threads.filter((thread) => thread.seccomp === 2 && thread.noNewPrivs).length,
    });
    await other.stop();
  },

  async 'seccomp-kill'() {
    const other = await helper(`fs.mkdirSync(${JSON.stringify(`${directory}/b`)})`);
    setNoNewPrivs();
    const filter = buildFilter(
      [
        {syscall: 'mkdir', action: 'kill-process'},
        {syscall: 'mkdirat', action: 'kill-process'},
      ],
      {defaultAction: 'allow'},
    );
    installFilter(filter, {tsync: true});
    report({installed: true});
    await other.run();
    report({survived: true});
  },

  async 'seccomp-diverged'() {
    // A thread with a filter of its own can't take over that of another thread.
    const child = new Worker(new URL(import.meta.url), {argv: ['seccomp-own-filter', directory]});
    await new Promise((resolve) => child.once('message', resolve));
    setNoNewPrivs();
    const filter = buildFilter([], {defaultAction: 'allow'});
    let message = '';
    try {
      installFilter(filter, {tsync: true});
    } catch (error) {
      message = `${(error as {code?: string}).code} ${(error as {object?: string}).object}`;
    }
    const filtered = [...threadStates()].filter(([, state]) => state.seccomp === 2).map(([tid]) => tid);
    report({message, filtered});
    await child.terminate();
  },

  async 'seccomp-own-filter'() {
    const {parentPort} = await import('node:worker_threads');
    setNoNewPrivs();
    installFilter(buildFilter([], {defaultAction: 'allow'}), {tsync: false});
    parentPort?.postMessage('done');
    parentPort?.on('message', () => {}); // stays until it is ended
  },
};

await scenarios[scenario]?.();
