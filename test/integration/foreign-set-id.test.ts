import {lstatSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {fuseward} from './command-support.js';
import {missingForMounts} from './helper-support.js';

const missing = missingForMounts();

/** Every way to a file that runs as its owner, each into a file of its own; what the kernel said is shown at the end. */
const ATTEMPTS = `
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
where = sys.argv[1]
dirfd = os.open(where, os.O_RDONLY)
def plain(name):
    path = os.path.join(where, name)
    open(path, 'w').close()
    return path
def chmod(): os.chmod(plain('chmod'), 0o4755)
def setgid(): os.chmod(plain('setgid'), 0o2755)
def fchmod():
    with open(plain('fchmod')) as f: os.fchmod(f.fileno(), 0o4755)
def fchmodat(): os.chmod('fchmodat', 0o4755, dir_fd=dirfd) if plain('fchmodat') else None
def fchmodat2():
    plain('fchmodat2')
    if libc.syscall(452, dirfd, b'fchmodat2', 0o4755, 0): raise OSError(ctypes.get_errno(), '')
def create(): os.close(os.open(os.path.join(where, 'create'), os.O_CREAT | os.O_WRONLY, 0o4755))
def nameless():
    fd = os.open(where, os.O_TMPFILE | os.O_WRONLY, 0o4755)
    os.link('/proc/self/fd/%d' % fd, os.path.join(where, 'nameless'))
def openat2():
    how = struct.pack('QQQ', os.O_CREAT | os.O_WRONLY, 0o4755, 0)
    if libc.syscall(437, dirfd, b'openat2', how, 24) < 0: raise OSError(ctypes.get_errno(), '')
def mknod(): os.mknod(os.path.join(where, 'mknod'), 0o104755)
os.umask(0)
for attempt in (chmod, setgid, fchmod, fchmodat, fchmodat2, create, nameless, openat2, mknod):
    try: attempt()
    except OSError as error: print(attempt.__name__, os.strerror(error.errno), file=sys.stderr)
    else: print(attempt.__name__, 'DONE', file=sys.stderr)
os.chmod(plain('ordinary'), 0o751)
sys.exit(3)
`;

describe.skipIf(missing)(
  `a command that may write to what is root's${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let directory: string;
    let source: string;
    let image: string;

    beforeEach(() => {
      directory = realpathSync(mkdtempSync(join(tmpdir(), 'fuseward-set-id-')));
      source = join(directory, 'source');
      image = join(directory, 'image');
      writeFileSync(image, 'anything');
      mkdirSync(source, {mode: 0o700});
      mkdirSync(join(directory, 'mnt'));
      mkdirSync(join(directory, 'policy.d'), {mode: 0o755});
    });
    afterEach(() => rmSync(directory, {recursive: true}));

    test.each(['auto', 'service'])('makes no file there that would run as root (way %s)', (way) => {
      const command = JSON.stringify([
        '/usr/bin/python3',
        '-c',
        ATTEMPTS,
        '/granted',
        ...(way === 'auto' ? ['{target}'] : []),
      ]);
      writeFileSync(
        join(directory, 'policy.d/evil.toml'),
        `[server]\ncommand = ${command}\nway = "${way}"\ngrants = ["rw:${source}:/granted"]\n[[allow]]\nusers = ["root"]\nsources = ["**"]\nsource_owner = "anyone"\ntargets = ["**"]\ntarget_owner = "anyone"\naccess = "read-write"\n`,
      );
      const {code, stderr} = fuseward([
        ...['mount', '--policy', join(directory, 'policy.d'), '-t', 'evil', image, join(directory, 'mnt')],
      ]);
      expect({code, stderr}).toMatchObject({code: 1, stderr: expect.stringContaining('exited')});
      const modes = new Map(
        readdirSync(source).map((name) => [name, lstatSync(join(source, name)).mode & 0o7777]),
      );
      // It was there, and ordinary modes are its own affair.
      expect(modes.get('ordinary')).toBe(0o751);
      expect(lstatSync(join(source, 'ordinary')).uid).toBe(0);
      expect([...modes].filter(([, mode]) => (mode & 0o6000) !== 0)).toEqual([]);
    });
  },
);
