import {existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {loadPolicy} from '../../src/policy/index.js';
import {CHECKOUT} from '../../test/support/checkout.js';
import {mountContained, serversOf, unmountContained} from '../../test/support/contained-mount.js';
import {run} from '../../test/support/mounts.js';
import {waitForEnd} from '../machine/usage.js';
import type {Absent, Contender} from './contender.js';

/** How requests travel; what policy calls it. */
export type Transport = 'device' | 'io_uring';

const NAMES: Readonly<Record<Transport, string>> = {device: 'fuseward', io_uring: 'fuseward io_uring'};

/** What is built, as the shipped policy has it but for the transport. */
export function fuseward(transport: Transport): Contender | Absent {
  const name = NAMES[transport];
  if (!existsSync(join(CHECKOUT, 'dist', 'cli', 'main.js')))
    return {name, reason: 'not built (npm run build)'};
  const text = policyText(transport);
  if (text === undefined) return {name, reason: `policy knows no transport "${transport}" yet`};
  const {version} = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8')) as {version: string};
  return {
    name,
    version: `${version}${commit()}, contained server, transport ${transport}`,
    uring: transport === 'io_uring',
    mount: (image, target) => {
      const policies = policyDirectory(text);
      try {
        mountContained(image, target, ['--policy', policies, '-t', 'ext4']);
      } finally {
        rmSync(policies, {recursive: true});
      }
      const servers = serversOf(target);
      return {
        target,
        servers,
        unmount: () => {
          unmountContained(target);
          waitForEnd(servers);
        },
      };
    },
  };
}

/** A directory of one policy, which only root can change. */
function policyDirectory(text: string): string {
  const policies = realpathSync(mkdtempSync(join(tmpdir(), 'fuseward-bench-policy-')));
  writeFileSync(join(policies, 'ext4.toml'), text);
  return policies;
}

/** The shipped policy with a transport; undefined when policy can't say so. */
function policyText(transport: Transport): string | undefined {
  const shipped = readFileSync(join(CHECKOUT, 'policy', 'ext4.toml'), 'utf8');
  const ways = [
    `transport = "${transport}"\n${shipped}`,
    shipped.includes('[server]')
      ? shipped.replace('[server]', `[server]\ntransport = "${transport}"`)
      : `${shipped}\n[server]\ntransport = "${transport}"\n`,
  ];
  return ways.find((text) => {
    const policies = policyDirectory(text);
    try {
      loadPolicy('ext4', policies);
      return true;
    } catch {
      return false;
    } finally {
      rmSync(policies, {recursive: true});
    }
  });
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
