import {CHECKOUT} from '../checkout.js';
import type {Systemd} from './systemd.js';

/** Puts the unit files, the users file, the directories and the manual page of the checkout in place, as a package does. */
export async function installUnits(systemd: Systemd): Promise<void> {
  const script = `
    cd "$1"
    cp -r units/*.service units/*.socket /etc/systemd/system/
    cp units/sysusers.d/* /usr/lib/sysusers.d/
    cp units/tmpfiles.d/* /usr/lib/tmpfiles.d/
    mkdir -p /usr/share/man/man8
    cp man/* /usr/share/man/man8/
    ln -sf /usr/lib/fuseward/bin/mount.fuseward /usr/sbin/mount.fuseward
    systemd-sysusers fuseward.conf
    systemd-tmpfiles --create fuseward.conf
    systemctl daemon-reload`;
  await systemd.ok(['sh', '-euc', script, 'sh', CHECKOUT]);
}

/** Sets properties of a unit, or of all instances of a template, for as long as this systemd lives. */
export async function addDropIn(systemd: Systemd, unit: string, text: string): Promise<void> {
  const script =
    'mkdir -p "/etc/systemd/system/$1.d" && cat > "/etc/systemd/system/$1.d/test.conf" && systemctl daemon-reload';
  await systemd.ok(['sh', '-euc', script, 'sh', unit], {input: text});
}

/** Takes away what `addDropIn` set. */
export async function removeDropIn(systemd: Systemd, unit: string): Promise<void> {
  const script = 'rm "/etc/systemd/system/$1.d/test.conf" && systemctl daemon-reload';
  await systemd.ok(['sh', '-euc', script, 'sh', unit]);
}
