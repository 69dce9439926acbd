import {existsSync, mkdtempSync, readFileSync, readlinkSync, realpathSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest';
import {CHECKOUT} from '../support/checkout.js';
import {cannotContain} from '../support/contained-mount.js';
import {listTree} from '../support/foreign/content.js';
import {FOREIGN_SERVERS, type ForeignServer, type Input, policyFor} from '../support/foreign/servers.js';
import {run} from '../support/mounts.js';
import {cannotRunSystemd, installUnits, type Systemd, startSystemd} from '../support/systemd/index.js';
import {statusLine, units, until} from './systemd-support.js';

const PROGRAMS = ['squashfuse_ll', 'mksquashfs', 'archivemount', 'bindfs'];
const absent = PROGRAMS.find((name) => !existsSync(`/usr/bin/${name}`));
const missing = cannotRunSystemd() ?? cannotContain() ?? (absent === undefined ? undefined : `no ${absent}`);

const RULE = `[[allow]]
users = ["root"]
sources = ["**"]
source_kinds = ["file", "directory"]
source_owner = "anyone"
targets = ["**"]
target_owner = "anyone"
access = "read-write"
`;
/** Words that mean something to systemd, to a shell, or to JSON. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: variables of systemd
const WORDS = ['a "b" \\c \\x41 %n %% $HOME ${X} $$ ;', '', ';', "it's", 'é \u2028', ' two  blanks '];
const POLICIES: Readonly<Record<string, string>> = {
  archive: `command = ["archivemount", "-f", "-o", "readonly", "{source}", "{target}"]
grants = ["ro:/srv/granted", "rw:/srv/open:/inside"]`,
  sealed: `driver = "socket"
state = true
observe = true
grants = ["rw:/srv/open:/inside/it"]
command = ["sh", "-c", 'echo "$1 $2 $3" > /fuseward/state/ids; id -u > /inside/it/id; exec bindfs -f "$4" "$5"', "sh", "{uid}", "{gid}", "{server-uid}", "{source}", "{target}"]`,
  one: `way = "descriptor"
command = ["python3", "/srv/one-file.py", "{target}", "all of it"]
grants = ["ro:${CHECKOUT}/test/support/one-file.py:/srv/one-file.py"]`,
  linger: `command = ["sh", "-c", '''bindfs -f "$1" "$2"; exec sleep 1000''', "sh", "{source}", "{target}"]`,
  plain: 'command = ["bindfs", "-f", "{source}", "{target}"]',
  words: `command = ["sh", "-c", '''printf '[%s]' "$@" >&2; exit 7''', "sh", ${WORDS.map((word) => JSON.stringify(word)).join(', ')}, "{target}"]`,
  secret: `command = ["sh", "-c", '''cat "$1" /srv/granted/note >&2; id -u >&2; grep CapEff /proc/self/status >&2; exit 3''', "sh", "{secret:key}", "{target}"]
grants = ["ro:/srv/granted"]
secrets = {key = "/etc/fuseward/a secret %n"}
as_root = true`,
};
/** Written though nobody has a file for it: policies that ship have commands too. */
const TYPES = ['squashfs', ...Object.keys(POLICIES)];
/** Of those that ship: a directory and a secret, mount(2) and a device, names with grants, names with a place in the network. */
const SHIPPED = FOREIGN_SERVERS.filter(({type}) => ['gocryptfs', 'ntfs', 'unionfs', 'rclone'].includes(type));
const lacking = ({tools}: ForeignServer): string | undefined =>
  Object.keys(tools).find((tool) => !existsSync(`/usr/bin/${tool}`) && !existsSync(`/usr/sbin/${tool}`));

/** Landlock has nothing to add; systemd 252 has no such namespaces; this systemd has no controllers. */
const MISSING = ['landlock', 'namespaces', 'cgroup'];

describe.skipIf(missing !== undefined)(
  `commands that systemd starts${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let systemd: Systemd;
    const inputs = new Map<string, {here: string; input: Input; moved(text: string): string}>();
    beforeAll(async () => {
      systemd = await startSystemd();
      await installUnits(systemd);
      // In /run, a tmpfs: an overlay, as / is here, has no ID-mapped mounts.
      const script = `
        mkdir -p /srv/open /var/lib/fuseward && mount -t tmpfs state /var/lib/fuseward && mkdir /run/open && mount --bind /run/open /srv/open
        mkdir -p /etc/fuseward/policy.d /srv/granted /srv/open /run/images/tree/deep /mnt/one
        echo 'is granted' > /srv/granted/note
        chmod 777 /srv/open
        seq 100000 > /run/images/tree/deep/file
        printf 'the secret ' > '/etc/fuseward/a secret %n'
        chmod 600 '/etc/fuseward/a secret %n'
        mksquashfs /run/images/tree /run/images/image.squashfs -quiet -no-progress
        tar -C /run/images/tree -cf /run/images/image.tar .
        chmod 600 /run/images/image.*`;
      await systemd.ok(['sh', '-euc', script]);
      for (const [type, server] of Object.entries(POLICIES)) {
        await systemd.ok(['tee', `/etc/fuseward/policy.d/${type}.toml`], {
          input: `[server]\n${server}\n${RULE}`,
        });
      }
      const shipped = SHIPPED.filter((foreign) => lacking(foreign) === undefined);
      for (const foreign of shipped) await prepare(foreign);
      await systemd.ok(['fuseward', 'policy', 'units', '--write', '/etc/systemd/system']);
      await systemd.ok(['systemctl', 'daemon-reload']);
      const types = [...TYPES, ...shipped.map(({type}) => type)];
      await systemd.ok(['systemctl', 'start', ...types.map((type) => `fuseward-${type}.socket`)]);
    });
    afterAll(async () => {
      await systemd?.stop();
      for (const {here, input} of inputs.values()) {
        await input.peer?.close();
        rmSync(here, {recursive: true});
      }
    });

    /** Makes what a type is tried with, puts it into the /run of this systemd, and has a policy that wants the unit. */
    async function prepare(foreign: ForeignServer): Promise<void> {
      const {type} = foreign;
      const here = realpathSync(mkdtempSync(join(tmpdir(), `fuseward-unit-${type}-`)));
      const moved = (text: string): string => text.replaceAll(here, `/run/input/${type}`);
      const input = await foreign.prepare(here);
      inputs.set(type, {here, input, moved});
      await systemd.ok(['mkdir', '-p', '/run/input']);
      run('cp', ['-a', here, systemd.path(`/run/input/${type}`)]);
      const shipped = join(CHECKOUT, 'policy', `${type}.toml`);
      await systemd.ok(['tee', `/etc/fuseward/policy.d/${type}.toml`], {
        input: moved(policyFor(shipped, `driver = "socket"\n${input.policy ?? ''}`)),
      });
    }

    const running = (): Promise<string[]> => units(systemd, 'fuseward-*@*.service');
    afterEach(async () => {
      await systemd.run(['umount', '--lazy', '/mnt/one']);
      try {
        await until('units', running, (names) => names.length === 0);
        expect(await units(systemd, '*', 'failed')).toEqual([]);
      } finally {
        await systemd.systemctl('stop', 'fuseward-*@*.service');
        await systemd.systemctl('reset-failed');
      }
    });

    const same = (): Promise<string> => systemd.ok(['diff', '-r', '/run/images/tree', '/mnt/one']);
    const refused = async (type: string, source: string): Promise<string> => {
      const {status, stderr} = await systemd.run(['fuseward', 'mount', '-t', type, source, '/mnt/one']);
      expect(status).not.toBe(0);
      return stderr;
    };

    test('systemd finds nothing wrong with the units', async () => {
      const names = TYPES.flatMap((type) => [`fuseward-${type}.socket`, `fuseward-${type}@.service`]);
      const {status, stdout, stderr} = await systemd.run(['systemd-analyze', 'verify', ...names]);
      expect({status, stdout, stderr}).toEqual({status: 0, stdout: '', stderr: ''});
      const path = '/etc/systemd/system/fuseward-squashfs@.service';
      const security = await systemd.run(['systemd-analyze', 'security', '--offline=true', path]);
      expect(
        Number(/exposure level for \S+: ([\d.]+)/.exec(security.stdout)?.[1]),
        security.stdout,
      ).toBeLessThan(1.5);
    });

    test.each([
      ['squashfs', 'image.squashfs', 'squashfuse_ll'],
      ['archive', 'image.tar', 'archivemount'],
    ])(
      '%s by mount(8): a private image, its program is nobody and holds nothing',
      async (type, image, name) => {
        await systemd.ok(['mount', '-t', `fuseward.${type}`, `/run/images/${image}`, '/mnt/one']);
        await same();
        const [unit, ...others] = await running();
        expect(unit).toMatch(new RegExp(`^fuseward-${type}@`));
        expect(others).toEqual([]);
        const group = await systemd.property(unit!, 'ControlGroup');
        const pids = (await systemd.ok(['cat', `/sys/fs/cgroup${group}/cgroup.procs`]))
          .trim()
          .split('\n')
          .map(Number);
        // Nothing of ours stays.
        expect(pids.map((pid) => statusLine(systemd, pid, 'Name'))).toEqual([name]);
        const pid = pids[0]!;
        const uids = statusLine(systemd, pid, 'Uid').split('\t').map(Number);
        for (const uid of uids) expect(uid).toBeGreaterThanOrEqual(61184);
        for (const uid of uids) expect(uid).toBeLessThanOrEqual(65519);
        for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
          expect(statusLine(systemd, pid, set)).toBe('0000000000000000');
        }
        expect(statusLine(systemd, pid, 'NoNewPrivs')).toBe('1');
        expect(statusLine(systemd, pid, 'Seccomp')).toBe('2');
        for (const kind of ['mnt', 'net', 'ipc', 'uts', 'user']) {
          const [own, first] = [pid, 1].map((each) => readlinkSync(systemd.path(`/proc/${each}/ns/${kind}`)));
          expect(own).not.toBe(first);
        }
        const root = systemd.path(`/proc/${pid}/root`);
        const hidden = ['/etc/machine-id', '/run/images', '/run/fuseward', '/var/log', '/mnt', '/home/x'];
        expect(hidden.filter((path) => existsSync(root + path))).toEqual([]);
        expect(readFileSync(`${root}/etc/passwd`, 'utf8')).toMatch(
          new RegExp(`^fuseward:x:${uids[0]}:`, 'm'),
        );
        expect(statusLine(systemd, pid, 'Name')).toBe(name);
        const granted = ['/srv/granted/note', '/inside'].filter((path) => existsSync(root + path));
        expect(granted).toEqual(type === 'archive' ? ['/srv/granted/note', '/inside'] : []);
        const status = JSON.parse(await systemd.ok(['fuseward', 'status', '--json', '/mnt/one']));
        expect(status).toMatchObject({record: {serverPid: pid, foreign: true}});
        const seal = status.seal as ReadonlyArray<{point: string; state: string}>;
        expect(seal.filter(({state}) => state === 'missing').map(({point}) => point)).toEqual(MISSING);
        await systemd.ok(['umount', '/mnt/one']);
        await until('the unit', running, (names) => names.length === 0);
        expect(readFileSync(systemd.path('/proc/1/mounts'), 'utf8')).not.toMatch(/ fuse\./);
      },
    );

    test('a directory, with state, a grant to write to, ids and a relay', async () => {
      await systemd.ok(['fuseward', 'mount', '-t', 'sealed', '/run/images/tree', '/mnt/one']);
      await same();
      // What it wrote there is as if its owner had.
      expect(await systemd.ok(['stat', '-c', '%U', '/srv/open/id'])).toBe('root\n');
      const uid = (await systemd.ok(['cat', '/srv/open/id'])).trim();
      const ids = await systemd.ok(['sh', '-c', 'cat /var/lib/fuseward/state/sealed/*/files/ids']);
      expect(ids.trim()).toBe(`0 0 ${uid}`);
      const status = JSON.parse(await systemd.ok(['fuseward', 'status', '--json', '/mnt/one']));
      expect(status.record).toMatchObject({observer: {pid: expect.any(Number)}, foreign: true});
      expect(statusLine(systemd, status.record.serverPid, 'Uid').split('\t')[0]).toBe(uid);
      expect(await systemd.ok(['fuseward', 'stats', '/mnt/one'])).toMatch(/^READ +[1-9]/m);
      const [name] = await running();
      expect(status.record).toMatchObject({unit: {name, uid: Number(uid)}});
    });

    for (const foreign of SHIPPED) {
      const {type} = foreign;
      const tool = lacking(foreign);
      test.skipIf(tool)(`${type} in its unit${tool ? ` (skipped: no ${tool})` : ''}`, async () => {
        const {input, moved} = inputs.get(type)!;
        // A peer has its own names.
        let source = foreign.network ? input.source : moved(input.source);
        if (type === 'ntfs') source = (await systemd.ok(['losetup', '--find', '--show', source])).trim();
        try {
          const options = (input.options ?? []).flatMap((option) => ['-o', moved(option)]);
          await systemd.ok(['fuseward', 'mount', '-t', type, ...options, source, '/mnt/one']);
          expect(listTree(systemd.path('/mnt/one'))).toEqual(listTree(input.tree));
          const [unit] = await running();
          expect(unit).toMatch(new RegExp(`^fuseward-${type}@`));
          await systemd.ok(['fuseward', 'umount', '/mnt/one']);
        } finally {
          if (source.startsWith('/dev/loop')) await systemd.ok(['losetup', '--detach', source]);
        }
      });
    }

    test('without the socket a sandbox of our own is tried, and why there is none here', async () => {
      await systemd.ok(['systemctl', 'stop', 'fuseward-plain.socket']);
      // This systemd has a bind mount on /proc/sys.
      expect(await refused('plain', '/run/images/tree')).toMatch(
        /it says: bwrap: Can't mount proc.*; something is mounted on \/proc\/sys.*a unit of systemd's does without/,
      );
      await systemd.ok(['systemctl', 'start', 'fuseward-plain.socket']);
      await systemd.ok(['fuseward', 'mount', '-t', 'plain', '/run/images/tree', '/mnt/one']);
      await same();
    });

    test('on a file', async () => {
      await systemd.ok(['sh', '-c', 'echo below > /mnt/file']);
      await systemd.ok(['fuseward', 'mount', '-t', 'one', '/run/images/image.tar', '/mnt/file']);
      expect(await systemd.ok(['cat', '/mnt/file'])).toBe('all of it');
      await systemd.ok(['fuseward', 'umount', '/mnt/file']);
      expect(await systemd.ok(['cat', '/mnt/file'])).toBe('below\n');
    });

    test('a program that outlives its mount is ended', async () => {
      await systemd.ok(['fuseward', 'mount', '-t', 'linger', '/run/images/tree', '/mnt/one']);
      await systemd.ok(['umount', '/mnt/one']);
      await until(
        'sleep',
        () => systemd.run(['pgrep', '-x', 'sleep']),
        ({status}) => status === 0,
      );
      const sweep = `import('${CHECKOUT}/dist/launch/record-sweep.js').then((module) => module.sweepRecords(0))`;
      for (let look = 0; look < 2; look++) await systemd.ok(['node', '-e', sweep]);
      await until('the unit', running, (names) => names.length === 0);
    });

    test('the words of a command come through as they are', async () => {
      expect(await refused('words', '/run/images/image.tar')).toMatch(/sh exited with status 7/);
      const journal = await systemd.journal('fuseward-words@*');
      expect(journal).toContain([...WORDS, '/fuseward/at/target'].map((word) => `[${word}]`).join(''));
    });

    test('secrets are descriptors, and root in there is nobody', async () => {
      const message = await refused('secret', '/run/images/image.tar');
      expect(message).toMatch(
        /sh exited with status 3.*it says: the secret is granted \/ 0 \/ CapEff: 0000000000000000$/m,
      );
      expect(await systemd.journal('fuseward-secret@*')).toContain('the secret is granted\n');
    });

    test('an image that its program could not open says why', async () => {
      await systemd.ok(['sh', '-c', 'cp /run/images/image.tar /srv/private.tar; chmod 600 /srv/private.tar']);
      expect(await refused('archive', '/srv/private.tar')).toMatch(/file system can't be ID-mapped.*chmod/);
    });
  },
);
