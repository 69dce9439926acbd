import {existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {liveRecords} from '../../src/launch/mount-record.js';
import {loadPolicy} from '../../src/policy/index.js';
import {CHECKOUT} from '../../test/support/checkout.js';
import {mountContained} from '../../test/support/contained-mount.js';
import {run} from '../../test/support/mounts.js';
import {unmount} from '../machine/unmount.js';
import {textOf} from '../machine/usage.js';
import {type Absent, type Contender, served} from './contender.js';

/** How requests travel; what policy calls it. */
export type Transport = 'device' | 'io_uring';

const NAMES: Readonly<Record<Transport, string>> = {device: 'fuseward', io_uring: 'fuseward io_uring'};

/** What is built, as the shipped policy has it but for the transport. */
export function fuseward(transport: Transport): Contender | Absent {
  const name = NAMES[transport];
  if (!existsSync(join(CHECKOUT, 'dist', 'cli', 'main.js')))
    return {name, reason: 'not built (npm run build)'};
  const policies = policiesFor(transport);
  if (policies === undefined) return {name, reason: `policy knows no transport "${transport}" yet`};
  const {version} = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8')) as {version: string};
  return {
    name,
    version: `${version}${commit()}, contained server, transport ${transport}`,
    uring: transport === 'io_uring',
    mount: (image, target) => {
      mountContained(image, target, ['--policy', policies, '-t', 'ext4']);
      return served(
        target,
        () => serversAt(target),
        () => unmount(target),
      );
    },
  };
}

/** A directory with the shipped policy, a transport and more lines, until this program ends; undefined when policy can't say so. */
export function policiesFor(transport: Transport, more = ''): string | undefined {
  const shipped = readFileSync(join(CHECKOUT, 'policy', 'ext4.toml'), 'utf8');
  const policies = realpathSync(mkdtempSync(join(tmpdir(), 'fuseward-bench-policy-')));
  process.once('exit', () => rmSync(policies, {recursive: true, force: true}));
  writeFileSync(join(policies, 'ext4.toml'), `transport = "${transport}"\n${shipped}\n${more}`);
  try {
    loadPolicy('ext4', policies);
    return policies;
  } catch {
    return undefined;
  }
}

/** The server of a mount, and what is above it for nothing else: bubblewrap's processes. By the record, without a command each. */
export function serversAt(target: string): number[] {
  const pids: number[] = [];
  for (let pid = liveRecords().find((record) => record.target === target)?.serverPid ?? 0; pid > 1; ) {
    if (pids.length > 0 && !/^\S*bwrap\0/.test(textOf(pid, 'cmdline'))) break;
    pids.push(pid);
    pid = Number(/^PPid:\s+(\d+)/m.exec(textOf(pid, 'status'))?.[1] ?? 0);
  }
  return pids;
}

function commit(): string {
  try {
    const short = run('git', ['-C', CHECKOUT, 'rev-parse', '--short', 'HEAD']).trim();
    const changed = run('git', ['-C', CHECKOUT, 'status', '--porcelain', '--untracked-files=no']) !== '';
    return ` (${short}${changed ? ', changed' : ''})`;
  } catch {
    return '';
  }
}
