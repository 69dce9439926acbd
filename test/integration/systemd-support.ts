import {readFileSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import type {Systemd} from '../support/systemd/index.js';

/** What is waited for takes a fraction of a second; a machine with much else to do may take longer. */
const PATIENCE_MS = 30_000;

/** Waits until something is so. @throws Error with the last answer */
export async function until<T>(
  what: string,
  ask: () => Promise<T>,
  isSo: (answer: T) => boolean,
): Promise<T> {
  for (const end = Date.now() + PATIENCE_MS; ; await sleep(50)) {
    const answer = await ask();
    if (isSo(answer)) return answer;
    if (Date.now() > end) throw new Error(`${what}: still ${JSON.stringify(answer)}`);
  }
}

/** Names of the units that match a pattern, in the given state if one is given. */
export async function units(systemd: Systemd, pattern: string, state?: string): Promise<string[]> {
  const states = state === undefined ? [] : [`--state=${state}`];
  const list = ['list-units', '--all', '--plain', '--no-legend', ...states, pattern];
  const {stdout} = await systemd.systemctl(...list);
  return stdout
    .split('\n')
    .map((line) => line.split(' ')[0]!)
    .filter((name) => name !== '');
}

/** Files behind the loop devices in use whose path has `mark` in it. */
export async function loopFiles(systemd: Systemd, mark: string): Promise<string[]> {
  const {stdout} = await systemd.run(['losetup', '--noheadings', '--output', 'BACK-FILE']);
  // Whole paths: others on this machine have images too.
  return stdout.split('\n').filter((line) => line.trim().startsWith(mark));
}

/** An ext4 image inside, with a file in it whose content only this image has. */
export async function makeImage(systemd: Systemd, path: string, files = 1): Promise<void> {
  const script = `
    tree=$(mktemp -d)
    for number in $(seq $2); do printf '%s %s' "$1" "$number" > "$tree/file$number"; done
    mkdir -p "$(dirname "$1")"
    truncate -s 32M "$1"
    mke2fs -q -t ext4 -N 20000 -d "$tree" "$1"
    rm -r "$tree"`;
  await systemd.ok(['sh', '-euc', script, 'sh', path, String(files)]);
}

/** Mounts as mount(8) does. @throws Error with what it said */
export async function mount(systemd: Systemd, image: string, target: string): Promise<void> {
  await systemd.ok(['mkdir', '-p', target]);
  await systemd.ok(['mount', '-t', 'fuseward.ext4', image, target]);
}

/** A line of /proc/PID/status of a process inside. */
export function statusLine(systemd: Systemd, pid: number, name: string): string {
  const text = readFileSync(systemd.path(`/proc/${pid}/status`), 'utf8');
  return new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(text)?.[1] ?? '';
}

/** The main process of a unit, by its number inside; 0 for none. */
export async function mainPid(systemd: Systemd, unit: string): Promise<number> {
  return Number(await systemd.property(unit, 'MainPID'));
}
