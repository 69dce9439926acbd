import {mayHang} from '../../helper/may-hang.js';
import {readMounts} from '../../sys/mount-info.js';

/** Set for a process that looks at places where it may hang, while another waits for it (`runApart`). */
export const APART = 'FUSEWARD_APART';

/** Whether a look at one of the two may never come back. */
export function mayHangOn({source, target}: {readonly source: string; readonly target: string}): boolean {
  const mounts = readMounts();
  return mayHang(source, mounts) || mayHang(target, mounts);
}

/** Whether this process may not look at them itself. */
export function needsAnother(places: {readonly source: string; readonly target: string}): boolean {
  return process.env[APART] === undefined && mayHangOn(places);
}
