import {spawn} from 'node:child_process';
import {openSync, readFileSync} from 'node:fs';
import {connect, createServer} from 'node:net';
import {replaceProcess} from '../../../src/sys/execve.js';
import {restrictNetwork} from '../../../src/sys/landlock-network.js';
import {setNoNewPrivs} from '../../../src/sys/process.js';
import {buildFilter} from '../../../src/sys/seccomp.js';
import {
  answerNotification,
  giveDescriptor,
  installSupervisedFilter,
  isWaiting,
  receiveNotification,
} from '../../../src/sys/seccomp-notify.js';
import {waitReadable} from '../../../src/sys/socket.js';
import {syscallName} from '../../../src/sys/syscall-numbers.js';

// Started by the tests of supervision, execve and Landlock's network rules: does as its first argument says and reports in JSON.
const [scenario, directory, abstract] = process.argv.slice(2) as [string, string, string];

function report(value: unknown): void {
  console.log(JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? Number(each) : each)));
}

/** 'ok', or the code of the error. */
function outcome(attempt: () => unknown): string {
  try {
    attempt();
    return 'ok';
  } catch (error) {
    return (error as {code?: string}).code ?? String(error);
  }
}

function supervise(): number {
  setNoNewPrivs();
  const rules = (['mkdir', 'mkdirat'] as const).map((syscall) => ({syscall, action: 'notify'}) as const);
  return installSupervisedFilter(buildFilter(rules, {defaultAction: 'allow'})).fd;
}

function connected(options: {port: number; host: string} | {path: string}): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(options);
    socket.on('connect', () => {
      socket.destroy();
      resolve('ok');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
  });
}

function listening(where: number | string): Promise<{port: number; close(): void}> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.on('error', reject);
    const done = (): void => {
      const address = server.address();
      resolve({port: typeof address === 'object' ? (address?.port ?? 0) : 0, close: () => server.close()});
    };
    if (typeof where === 'number') server.listen(where, '127.0.0.1', done);
    else server.listen(where, done);
  });
}

const scenarios: Record<string, () => Promise<void> | void> = {
  async answers() {
    const listener = supervise();
    const script = `exec 2>&1; mkdir ${directory}/a && echo made; mkdir ${directory}/b || echo refused`;
    const child = spawn('/bin/sh', ['-c', script], {stdio: ['ignore', 'pipe', 'ignore']});
    let said = '';
    child.stdout.on('data', (chunk) => {
      said += String(chunk);
    });
    const ended = new Promise((resolve) => child.once('close', resolve));
    const calls: unknown[] = [];
    for (const error of [undefined, 'EDQUOT'] as const) {
      if (!waitReadable(listener, 5000)) break;
      const call = receiveNotification(listener)!;
      const name = syscallName(call.nr)!;
      const memory = openSync(`/proc/${call.pid}/mem`, 'r');
      const waiting = isWaiting(listener, call.id);
      const answered = answerNotification(listener, call.id, error);
      calls.push({name, memory: memory > 2, waiting, answered, twice: answerNotification(listener, call.id)});
    }
    await ended;
    report({calls, said});
  },

  async descriptors() {
    const listener = supervise();
    const script = `exec 5</dev/null; mkdir ${directory}/a; cat <&5`;
    const child = spawn('/bin/sh', ['-c', script], {stdio: ['ignore', 'pipe', 'inherit']});
    let said = '';
    child.stdout.on('data', (chunk) => (said += String(chunk)));
    const ended = new Promise((resolve) => child.once('close', resolve));
    waitReadable(listener, 5000);
    const {id, pid} = receiveNotification(listener)!;
    const fd = openSync(`${directory}/file`, 'r');
    const parent = Number(/PPid:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
    // The number of mkdir's own process; the shell has its own table.
    const given = giveDescriptor(listener, id, {fd, as: 7, closeOnExec: true});
    const flags = /flags:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/fdinfo/7`, 'utf8'))?.[1];
    const content = readFileSync(`/proc/${pid}/fd/7`, 'utf8');
    const impossible = outcome(() => giveDescriptor(listener, id, {fd, as: 1 << 30, closeOnExec: false}));
    process.kill(pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 200));
    report({
      given,
      content,
      closeOnExec: (Number.parseInt(flags ?? '0', 8) & 0o2000000) !== 0,
      impossible,
      parent: parent === child.pid,
      gone: {
        waiting: isWaiting(listener, id),
        given: giveDescriptor(listener, id, {fd, as: 7, closeOnExec: true}),
        answered: answerNotification(listener, id),
      },
    });
    await ended;
  },

  execve() {
    process.on('SIGUSR2', () => {});
    const script =
      'echo "$0|$1|$A|"; tr "\\0" "\\n" < /proc/$$/environ | cut -d= -f1; cat /proc/self/status | grep -E "Sig(Blk|Ign|Cgt)"';
    replaceProcess('/bin/sh', ['name', '-c', script, 'zero', 'ä ö'], {
      A: 'b c',
      ...(directory === 'x' ? {} : {}),
    });
  },

  'execve-fails'() {
    report([
      outcome(() => replaceProcess('/usr/bin/no-such-program', ['x'], {})),
      outcome(() => replaceProcess('/etc/passwd', ['x'], {})),
      outcome(() => replaceProcess('/bin/true', ['a\0b'], {})),
    ]);
  },

  async ports() {
    const [allowed, other] = [await listening(0), await listening(0)];
    const before = await connected({path: `\0${abstract}`});
    setNoNewPrivs();
    const abi = restrictNetwork([allowed.port]);
    report({
      abi,
      before,
      allowed: await connected({port: allowed.port, host: '127.0.0.1'}),
      other: await connected({port: other.port, host: '127.0.0.1'}),
      listen: await listening(0).then(
        () => 'ok',
        (error) => error.code,
      ),
      abstract: await connected({path: `\0${abstract}`}),
      signal: outcome(() => process.kill(process.ppid, 0)),
      file: outcome(() => readFileSync(`${directory}/file`)),
    });
    allowed.close();
    other.close();
    process.exit(0);
  },
};

await scenarios[scenario]?.();
