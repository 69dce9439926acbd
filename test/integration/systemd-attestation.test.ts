import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import type {MountView} from '../../src/manager/model.js';
import {CHECKOUT} from '../support/checkout.js';
import {cannotContain} from '../support/contained-mount.js';
import {cannotRunSystemd, type Systemd, startSystemd} from '../support/systemd/index.js';

const missing = cannotRunSystemd() ?? cannotContain();
const UNITS = join(CHECKOUT, 'units');
/** Loop devices are the whole machine's, so the image has a name of its own. */
const IMAGE = `/tmp/attested-${process.pid}.img`;
const PATIENCE_MS = 20_000;

describe.skipIf(missing)(`the seal of a unit's server${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let systemd: Systemd;
  const sh = (script: string): Promise<string> => systemd.ok(['sh', '-ec', script]);
  const started = async (unit: string): Promise<void> => {
    const {status, stderr} = await systemd.systemctl('start', unit);
    if (status !== 0) throw new Error(`${unit}: ${stderr}${await systemd.journal(unit)}`);
  };
  const mount = (...options: string[]) =>
    systemd.run(['fuseward', 'mount', '--json', ...options, '-t', 'ext4', IMAGE, '/tmp/mnt']);

  const loops = (): Promise<string> => sh('losetup --list --noheadings --output BACK-FILE || true');
  const until = async (isSo: () => Promise<boolean>): Promise<void> => {
    const end = Date.now() + PATIENCE_MS;
    while (!(await isSo()) && Date.now() < end) await sleep(100);
  };

  beforeAll(async () => {
    systemd = await startSystemd();
    await sh(`cp ${UNITS}/*.service ${UNITS}/*.socket /etc/systemd/system/`);
    await systemd.ok(['systemd-tmpfiles', '--create', `${UNITS}/tmpfiles.d/fuseward.conf`]);
    await systemd.systemctl('daemon-reload');
    await started('fuseward-ext4.socket');
    await sh(`mkdir /tmp/mnt; truncate -s 2M ${IMAGE}; mke2fs -q -t ext4 -O ^has_journal ${IMAGE}`);
    await sh('mkdir -p /tmp/strict; chmod 755 /tmp/strict');
  });
  afterAll(() => systemd?.stop());

  test('tells its process and unit, and what the manager in its own unit sees of it', async () => {
    await started('fuseward.service');
    const {stdout} = await mount();
    const {serverPid, kind} = JSON.parse(stdout);
    expect(kind).toBe('socket');
    const status = JSON.parse(await systemd.ok(['fuseward', 'status', '--json', '/tmp/mnt']));
    const view = status.manager as MountView;
    expect(view).toMatchObject({serverPid, unit: expect.stringMatching(/^fuseward-ext4@.*\.service$/)});
    // systemd's own word, and the kernel's.
    expect(await systemd.property(view.unit!, 'MainPID')).toBe(String(serverPid));
    expect(await sh(`cat /proc/${serverPid}/cgroup`)).toContain(`/${view.unit}\n`);
    const statesOf = (seal: MountView['seal']) =>
      Object.fromEntries(seal!.map(({point, state}) => [point, state]));
    const states = statesOf(view.seal);
    expect(statesOf(status.seal)).toEqual(states);
    expect(states).toMatchObject({
      ...{user: 'verified', capabilities: 'verified', 'no-new-privileges': 'verified', seccomp: 'verified'},
      ...{landlock: 'reported', descriptors: 'verified', limits: 'verified'},
    });
    expect(view.containment!.uid).toBeGreaterThanOrEqual(61_184);
    expect(view.containment!.uid).toBeLessThanOrEqual(65_519);
    // A pid namespace takes systemd 257; what is not there is said.
    const own = await sh(
      `[ "$(readlink /proc/${serverPid}/ns/pid)" = "$(readlink /proc/1/ns/pid)" ] || echo own`,
    );
    expect(states['namespaces'] === 'verified').toBe(own === 'own\n');
  });

  test('its death is noticed as that of a server of our own', async () => {
    const {manager} = JSON.parse(await systemd.ok(['fuseward', 'status', '--json', '/tmp/mnt']));
    await sh(`kill -KILL ${manager.serverPid}`);
    await until(async () => !(await sh('cat /proc/self/mountinfo')).includes(' /tmp/mnt '));
    expect(await sh('cat /proc/self/mountinfo')).not.toContain(' /tmp/mnt ');
    expect(await systemd.journal('fuseward.service')).toMatch(/server-died/);
    await until(async () => !(await loops()).includes(IMAGE));
    expect(await loops()).not.toContain(IMAGE);
  });

  test('one whose unit is loosened gets no mount where policy requires more', async () => {
    await sh('mkdir -p /etc/systemd/system/fuseward-ext4@.service.d');
    const loose = '[Service]\\nDynamicUser=no\\nUser=daemon\\nPrivateUsers=no\\n';
    await sh(`printf '${loose}' > /etc/systemd/system/fuseward-ext4@.service.d/loose.conf`);
    await systemd.systemctl('daemon-reload');
    await sh(`printf '[containment]\\nrequired = ["seccomp", "user"]\\n' > /tmp/strict/ext4.toml`);
    const {status, stdout} = await mount('--policy', '/tmp/strict');
    expect(status).toBe(1);
    const {error} = JSON.parse(stdout);
    expect(error.code).toBe('not-contained');
    expect(error.message).toMatch(/demands: user \(user \d+ is an account \(daemon\)\)$/);
    expect(await sh('cat /proc/self/mountinfo')).not.toContain(' /tmp/mnt ');
    expect(await loops()).not.toContain(IMAGE);
    await sh('rm -r /etc/systemd/system/fuseward-ext4@.service.d');
    await systemd.systemctl('daemon-reload');
    expect((await mount('--policy', '/tmp/strict')).status).toBe(0);
    await systemd.ok(['fuseward', 'umount', '/tmp/mnt']);
  });
});
