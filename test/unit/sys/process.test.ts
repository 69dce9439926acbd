import assert from 'node:assert/strict';
import {execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {readFileSync} from 'node:fs';
import {test} from 'vitest';
import {isCloseOnExec, O_RDONLY, openFd, setCloseOnExec, statFd} from '../../../src/sys/fd.js';
import {
  CLOSE_RANGE_CLOEXEC,
  capabilities,
  closeRange,
  getRlimit,
  gettid,
  hasNoNewPrivs,
  parseStatus,
  prctl,
  processState,
  setRlimit,
  threadStates,
  umask,
} from '../../../src/sys/process.js';

test('the thread that runs is one of the threads that are there', () => {
  assert.ok(threadStates().has(gettid()));
  assert.equal(threadStates().size, processState().threads);
});

test('a status as proc_pid_status(5) shows it', () => {
  const state = parseStatus(
    [
      'Name:\tnode with:colon',
      'Umask:\t0022',
      'State:\tS (sleeping)',
      'PPid:\t41',
      'Uid:\t1000\t1001\t1002\t1003',
      'Gid:\t100\t101\t102\t103',
      'Groups:\t4 24 27 ',
      'VmRSS:\t   45000 kB',
      'Threads:\t11',
      'CapInh:\t0000000000000000',
      'CapPrm:\t000001ffffffffff',
      'CapEff:\t0000000000000400',
      'CapBnd:\t000001ffffffffff',
      'CapAmb:\t0000000000000000',
      'NoNewPrivs:\t1',
      'Seccomp:\t2',
      'Seccomp_filters:\t3',
    ].join('\n'),
  );
  assert.deepEqual(state, {
    name: 'node with:colon',
    state: 'S',
    parentPid: 41,
    uids: [1000, 1001, 1002, 1003],
    gids: [100, 101, 102, 103],
    groups: [4, 24, 27],
    capabilities: {
      inheritable: 0n,
      permitted: 0x1ffffffffffn,
      effective: 0x400n,
      bounding: 0x1ffffffffffn,
      ambient: 0n,
    },
    noNewPrivs: true,
    seccomp: 2,
    seccompFilters: 3,
    residentKiB: 45000,
    threads: 11,
  });
});

test('our own state agrees with what Node knows', () => {
  const state = processState();
  assert.equal(state.parentPid, process.ppid);
  assert.equal(state.uids[0], process.getuid?.());
  assert.equal(state.gids[1], process.getegid?.());
  assert.ok(Math.abs(state.residentKiB - process.memoryUsage.rss() / 1024) < 50_000);
  assert.equal(capabilities().effective, state.capabilities.effective);
  assert.equal(hasNoNewPrivs(), /^NoNewPrivs:\t1$/m.test(readFileSync('/proc/thread-self/status', 'utf8')));
});

test('a zombie has no memory, and one that is gone is ENOENT', async () => {
  const child = spawn('sleep', ['60'], {stdio: 'ignore'});
  const pid = child.pid as number;
  assert.equal(processState(pid).parentPid, process.pid);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.throws(() => processState(pid), {code: 'ENOENT', object: `/proc/${pid}/status`});
  assert.throws(() => threadStates(pid), {code: 'ENOENT'});
});

test('limits are read and lowered, and are those that a child gets', () => {
  const before = getRlimit('CORE');
  setRlimit('CORE', 0, before.hard);
  try {
    assert.deepEqual(getRlimit('CORE'), {soft: 0, hard: before.hard});
    assert.equal(execFileSync('sh', ['-c', 'ulimit -S -c'], {encoding: 'utf8'}).trim(), '0');
  } finally {
    setRlimit('CORE', before.soft, before.hard);
  }
  assert.deepEqual(getRlimit('CORE'), before);
  const line = /^Max open files\s+(\d+)\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
  assert.deepEqual(getRlimit('NOFILE'), {soft: Number(line?.[1]), hard: Number(line?.[2])});
});

test('limits that can not be are refused', () => {
  const {hard} = getRlimit('NOFILE');
  assert.throws(() => setRlimit('NOFILE', hard + 1, hard), {
    code: 'EINVAL',
    call: 'setrlimit',
    object: 'NOFILE',
  });
  assert.throws(() => setRlimit('NOFILE', -1, hard), {code: 'EINVAL'});
  assert.throws(() => setRlimit('NOFILE', Number.NaN, hard), {code: 'EINVAL'});
});

test('a range of descriptors is marked or closed', () => {
  const fds = [1, 2, 3].map(() => openFd('/dev/null', O_RDONLY));
  const numbers = fds.map((fd) => fd.fd);
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  for (const fd of numbers) setCloseOnExec(fd, false);
  closeRange(low, low, CLOSE_RANGE_CLOEXEC);
  assert.deepEqual(
    numbers.map((fd) => isCloseOnExec(fd)),
    numbers.map((fd) => fd === low),
  );
  closeRange(high, high);
  assert.throws(() => statFd(high), {code: 'EBADF'});
  for (const fd of fds) fd.close();
  assert.throws(() => closeRange(10, 5), {code: 'EINVAL', call: 'close_range'});
  assert.doesNotThrow(() => closeRange(1_000_000, Number.POSITIVE_INFINITY));
});

test('the umask is swapped', () => {
  const before = umask(0o027);
  assert.equal(umask(before), 0o027);
  assert.equal(process.umask(), before);
});

test('an unknown operation of prctl is EINVAL', () => {
  assert.throws(() => prctl(0x7fff0000), {code: 'EINVAL', call: 'prctl', object: String(0x7fff0000)});
});
