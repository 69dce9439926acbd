import {dirname} from 'node:path';
import {dressRehearsal, type MountError} from '../../helper/index.js';
import type {HeldServer} from '../../launch/held-server.js';
import {CONTROL_DIRECTORY} from '../../launch/mount-record.js';
import {rehearseLook} from '../../launch/rehearsed-look.js';
import type {Policy} from '../../policy/index.js';
import {postponeOptimization} from '../../sys/optimization.js';
import {output, parseCommand} from '../command.js';
import {mayHangOn} from '../mount/hanging-places.js';
import {mountRules} from '../mount/mount-rules.js';
import {mountDefinition} from '../mount/options.js';
import {type PolicyPlace, policyFiles} from '../mount/policy-place.js';

/** How often: the first time compiles, and later ones find it compiled, at last by V8's quick compiler. */
const TIMES = 12;
/** What a manager orders. */
const ORDER = ['--json', '--no-announce', '--for-manager', '--type=ext4', '--options=ro', '--', '/', '/'];

/** What a mount would be made with. */
interface Waiting {
  readonly type: string;
  readonly server: HeldServer;
  readonly loaded: Policy;
  /** Where the policy was read. */
  readonly policy: PolicyPlace;
}

/**
 * Goes through what a mount does, for nothing: the words of its order, policy, the whole mount up to the kernel (`dressRehearsal`), and the look at its own
 * server, where policy demands something of servers. Code that runs for the first time takes several times as long, and nobody waits for it now.
 */
export async function warmUp({type, server, loaded, policy}: Waiting): Promise<void> {
  postponeOptimization();
  output();
  const looksAt = loaded.containment.required.length > 0 ? server.pid : undefined;
  for (let time = 0; time < TIMES; time++) {
    try {
      parseCommand(mountDefinition, ORDER);
      server.fits(type, loaded.server);
      await rehearseOnce(type, policy);
    } catch {
      // It is for speed alone: what fails here is told by a mount.
    }
    if (looksAt !== undefined) rehearseLook(looksAt);
  }
}

/** One mount for nothing. @returns what it ended with, as `dressRehearsal` */
export async function rehearseOnce(type: string, policy: Waiting['policy']): Promise<MountError> {
  const program = process.argv[1]!;
  // Places to look at, on which nothing is mounted.
  const paths = {source: program, target: dirname(program)};
  mayHangOn(paths);
  const rules = mountRules({...paths, type, callerUid: 0}, policyFiles(policy));
  return await dressRehearsal({target: paths.target, ...rules, controlDirectory: CONTROL_DIRECTORY});
}
