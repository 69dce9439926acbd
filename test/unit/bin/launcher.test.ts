import {spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {CHECKOUT} from '../../support/checkout.js';
import {LauncherRoom} from './launcher-room.js';

let room: LauncherRoom;

beforeEach(() => {
  room = new LauncherRoom();
});
afterEach(() => {
  const ran = existsSync(join(room.dir, 'evil-ran'));
  room.remove();
  expect(ran, "something of the attacker's ran").toBe(false);
});

describe('the programs in bin/', () => {
  test('are clean shell and set no user id', () => {
    for (const name of ['fuseward', 'mount.fuseward', 'fuservicemount3']) {
      const path = join(CHECKOUT, 'bin', name);
      expect(spawnSync('sh', ['-n', path], {encoding: 'utf8'})).toMatchObject({status: 0, stderr: ''});
      expect(statSync(path).mode & 0o7777, name).toBe(0o755);
    }
  });

  test('give arguments through as they are, and keep the process', () => {
    const {args, pid} = room.start(
      `echo $$ > ${room.dir}/pid; exec ${room.fuseward} 'a b' '' '*' '$HOME' '--' $'x'`,
    );
    expect(args).toEqual(['a b', '', '*', '$HOME', '--', '$x']);
    expect(spawnSync('cat', [join(room.dir, 'pid')], {encoding: 'utf8'}).stdout).toBe(`${pid}\n`);
    for (const name of ['mount.fuseward', 'fuservicemount3']) {
      const other = room.start(`echo $$ > ${room.dir}/pid; exec ${room.bin}/${name} 'a b' -o rw`);
      expect(other.args).toEqual([name, 'a b', '-o', 'rw']);
      expect(spawnSync('cat', [join(room.dir, 'pid')], {encoding: 'utf8'}).stdout).toBe(`${other.pid}\n`);
    }
  });
});

describe('are found', () => {
  test.each(['fuseward', 'mount.fuseward'])(
    'through links to %s, absolute and relative, from anywhere',
    (name) => {
      mkdirSync(join(room.dir, 'sbin'));
      symlinkSync(join(room.bin, name), join(room.dir, 'sbin', 'one'));
      symlinkSync(`../package/bin/${name}`, join(room.dir, 'sbin', 'two'));
      symlinkSync('two', join(room.dir, 'sbin', 'three'));
      symlinkSync(`package/bin/${name}`, join(room.dir, '-x'));
      const cwd = join(room.dir, 'sbin');
      for (const line of ['./one ok', './two ok', `${cwd}/three ok`, 'sh two ok', 'cd ..; sh ./-x ok']) {
        expect(room.start(line, {cwd}).args.at(-1), line).toBe('ok');
      }
      expect(room.start(`cd ../package/bin; sh ${name} ok`, {cwd}).args.at(-1)).toBe('ok');
      expect(room.start('one ok', {cwd: '/', env: {PATH: cwd}}).args.at(-1)).toBe('ok');
    },
  );

  test('as npm installs them below a prefix, with the Node of that prefix', () => {
    room.remove();
    room = new LauncherRoom('prefix/lib/node_modules/fuseward');
    rmSync(join(room.bin, 'node-path'));
    mkdirSync(join(room.dir, 'prefix/bin'));
    const node = join(room.dir, 'prefix/bin/node');
    spawnSync('cp', ['--reflink=auto', process.execPath, node]);
    symlinkSync('../lib/node_modules/fuseward/bin/fuseward', join(room.dir, 'prefix/bin/fuseward'));
    expect(room.start(join(room.dir, 'prefix/bin/fuseward')).execPath).toBe(node);
  });

  test('with the Node that was noted, and never one of PATH', () => {
    const evil = join(room.dir, 'evil');
    mkdirSync(evil);
    for (const name of ['node', 'env', 'readlink', 'bwrap', 'prlimit', 'true', 'printf'])
      room.evil(join(evil, name));
    const node = join(room.dir, 'noted');
    symlinkSync(process.execPath, node);
    writeFileSync(join(room.bin, 'node-path'), node);
    symlinkSync(room.fuseward, join(room.dir, 'link'));
    const {env, execPath} = room.start(`${room.dir}/link`, {env: {PATH: `${evil}:/usr/bin:/bin`}});
    expect(env['PATH']).toBe('/usr/sbin:/usr/bin:/sbin:/bin');
    expect([node, process.execPath]).toContain(execPath);
    writeFileSync(join(room.bin, 'node-path'), 'evil/node\n');
    expect(() => room.start(room.fuseward, {cwd: room.dir})).toThrow(/node-path must hold the absolute path/);
    // One that is gone is not insisted on; the system's Node is next, if there is one.
    writeFileSync(join(room.bin, 'node-path'), `${room.dir}/none\n`);
    const system = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => existsSync(path));
    if (system === undefined) expect(() => room.start(room.fuseward)).toThrow(/can't find Node/);
    else expect(room.start(room.fuseward, {env: {PATH: evil}}).args).toEqual([]);
  });
});

describe('the environment', () => {
  test('is none of the caller’s but for what is named', () => {
    const evil = join(room.dir, 'evil.mjs');
    const trace = join(room.dir, 'evil-ran');
    writeFileSync(
      evil,
      `import {writeFileSync} from 'node:fs'; writeFileSync(${JSON.stringify(trace)}, '');`,
    );
    const {env, execArgv} = room.start(room.fuseward, {
      env: {
        NODE_OPTIONS: `--import=${evil}`,
        NODE_PATH: room.dir,
        NODE_ICU_DATA: room.dir,
        NODE_EXTRA_CA_CERTS: evil,
        NODE_REPL_EXTERNAL_MODULE: evil,
        NODE_V8_COVERAGE: room.dir,
        OPENSSL_CONF: evil,
        SSL_CERT_FILE: evil,
        UV_THREADPOOL_SIZE: '1',
        V8_FLAGS: '--jitless',
        HOME: room.dir,
        XDG_CONFIG_HOME: room.dir,
        TMPDIR: room.dir,
        TZ: ':/etc/shadow',
        IFS: '/',
        CDPATH: room.dir,
        ENV: evil,
        BASH_ENV: evil,
        'BASH_FUNC_umask%%': `() { : > ${trace}; }`,
        'BASH_FUNC_true%%': `() { : > ${trace}; }`,
        node: '/bin/false',
        bin: room.dir,
        self: evil,
        keep: 'HOME',
        program: evil,
        LISTEN_FDS: '1',
        LISTEN_PID: '1',
        NOTIFY_SOCKET: '/run/notify',
        'odd name': 'x',
        TERM: 'xterm',
        LANG: 'C.UTF-8',
        NO_COLOR: '',
        FUSEWARD_SOCKET: '/run/a b\n"$c`',
      },
    });
    expect(env).toEqual({
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      TERM: 'xterm',
      LANG: 'C.UTF-8',
      NO_COLOR: '',
      FUSEWARD_SOCKET: '/run/a b\n"$c`',
    });
    expect(execArgv).toEqual([]);
  });

  test.each(['daemon', 'serve'])('of %s has what a service manager says', (name) => {
    const told = {
      LISTEN_FDS: '1',
      LISTEN_PID: '77',
      LISTEN_FDNAMES: 'admin',
      NOTIFY_SOCKET: '@notify',
      WATCHDOG_USEC: '1000000',
      WATCHDOG_PID: '77',
      JOURNAL_STREAM: '8:1',
    };
    const {env} = room.start(`${room.fuseward} ${name}`, {env: {...told, NODE_OPTIONS: '--no-such-option'}});
    expect(env).toEqual({PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...told});
  });

  test('a library that the caller preloads does not get further than the shell', () => {
    // The loader acts on sh itself before its first line; nothing that a script does can prevent that.
    const {env, fds} = room.start(room.fuseward, {
      env: {LD_PRELOAD: '/nowhere/evil.so', LD_LIBRARY_PATH: room.dir, LD_AUDIT: '/nowhere/audit.so'},
    });
    expect(Object.keys(env)).toEqual(['PATH']);
    expect(fds).toHaveProperty('0');
  });

  test('the working directory is the caller’s, and nothing in it or in HOME is read', () => {
    const cwd = join(room.dir, 'cwd');
    const trace = JSON.stringify(join(room.dir, 'evil-ran'));
    for (const name of ['koffi', 'fastify', 'smol-toml']) {
      mkdirSync(join(cwd, 'node_modules', name), {recursive: true});
      writeFileSync(
        join(cwd, 'node_modules', name, 'index.js'),
        `require('fs').writeFileSync(${trace}, '');`,
      );
    }
    writeFileSync(join(cwd, 'package.json'), '{"type": "commonjs", "imports": {"#x": "./x"}}');
    for (const name of ['.npmrc', '.env', 'defaults.toml', 'fuseward.toml', 'node.config.json']) {
      writeFileSync(join(cwd, name), 'node-options=--no-such-option\n');
    }
    expect(room.start(room.fuseward, {cwd, env: {HOME: cwd}}).cwd).toBe(cwd);
    // The real program with its packages, up to its first look at what it was told to mount.
    const log = join(room.dir, 'strace');
    const line = [join(CHECKOUT, 'bin/fuseward'), 'mount', '/no-such-place/disk.img', '/no-such-place/mnt'];
    const {stderr} = spawnSync('strace', ['-f', '-qq', '-e', 'trace=%file', '-o', log, ...line], {
      cwd,
      env: {HOME: cwd, PWD: cwd, PATH: '/usr/bin:/bin'},
      encoding: 'utf8',
    });
    expect(stderr).toContain('/no-such-place');
    const calls = readFileSync(log, 'latin1');
    expect(calls).toContain('koffi');
    expect(calls.split('\n').filter((call) => call.includes(`${cwd}/`))).toEqual([]);
    expect(calls).not.toMatch(/open\w*\(AT_FDCWD, "(?!\/)/);
  });
});

describe('the state of the process', () => {
  test.each([[[0]], [[1]], [[2]], [[0, 1]], [[0, 2]], [[1, 2]], [[0, 1, 2]]])(
    'standard descriptors %j that are closed lead to /dev/null',
    (closed) => {
      const marks = ['<&-', '>&-', '2>&-'];
      const {fds, access} = room.start(`exec ${room.fuseward} ${closed.map((fd) => marks[fd]).join(' ')}`);
      for (const fd of [0, 1, 2]) {
        if (closed.includes(fd)) {
          expect(fds[fd], String(fd)).toBe('/dev/null');
          // By the wrapper, before anything else could get the number: Node would have opened it for both.
          expect(access[fd]).toBe(fd === 0 ? 0 : 1);
        } else expect(fds[fd], String(fd)).not.toBe('/dev/null');
      }
    },
  );

  test('the socket of a service stays where it is', () => {
    const file = join(room.dir, 'socket');
    writeFileSync(file, '');
    for (const closed of ['', '<&-', '<&- >&- 2>&-']) {
      const {fds} = room.start(`exec ${room.fuseward} serve ext4 3<${file} ${closed}`);
      expect(fds['3'], closed).toBe(file);
    }
  });

  test.each(['0', '777'])('umask %s', (umask) => {
    expect(room.start(`umask ${umask}; exec ${room.fuseward}`).umask).toBe(0o022);
  });

  test('signals that are ignored or blocked mean what they mean', () => {
    const blocked =
      spawnSync('env', ['--block-signal=TERM', 'true']).status === 0 ? 'env --block-signal=TERM,CHLD' : '';
    const {signals} = room.start(`trap '' PIPE CHLD TERM INT HUP ALRM; exec ${blocked} ${room.fuseward}`);
    expect(signals.blocked).toBe(0n);
    // Node itself ignores SIGPIPE (13) and SIGXFSZ (25), and tells writers by errors.
    expect(signals.ignored & ~((1n << 12n) | (1n << 24n))).toBe(0n);
  });

  const low = ['-f 0', '-t 5', '-v 4000000', '-d 3000000', '-n 16', '-s 256', '-c 1000'];
  test.each(['mount', 'umount', 'mount.fuseward', 'fuservicemount3'])(
    `limits of the caller's do not reach %s`,
    (name) => {
      const {limits} = room.start(
        `${low.map((each) => `ulimit -S ${each}; `).join('')} exec ${room.fuseward} ${name}`,
      );
      expect(limits).toMatchObject({
        'Max cpu time': ['unlimited', 'unlimited'],
        'Max file size': ['unlimited', 'unlimited'],
        'Max data size': ['unlimited', 'unlimited'],
        'Max address space': ['unlimited', 'unlimited'],
        'Max stack size': ['8388608', '8388608'],
        'Max open files': ['4096', '4096'],
      });
      expect(limits['Max core file size']?.[0]).toBe('0');
    },
  );

  test('a hard limit that nobody can lift is told', () => {
    const cap =
      spawnSync('setpriv', ['--bounding-set=-sys_resource', 'true']).status === 0
        ? 'setpriv --bounding-set=-sys_resource'
        : '';
    expect(() => room.start(`ulimit -n 20; exec ${cap} ${room.fuseward} mount`)).toThrow(
      /can't start: no more than 20 files may be open, 64 are needed/,
    );
  });

  test('limits of a unit stay', () => {
    const {limits} = room.start(`ulimit -n 100; ulimit -t 500; exec ${room.fuseward} serve ext4`);
    expect(limits['Max open files']).toEqual(['100', '100']);
    expect(limits['Max cpu time']).toEqual(['500', '500']);
  });
});
