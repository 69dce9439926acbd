import type {Decision, MountFacts} from '../policy/index.js';
import {type Log, silent} from '../service/log.js';
import {Cleanup} from './cleanup.js';
import {authorize} from './decision.js';
import {examine} from './examine.js';
import {openFuseDevice} from './fuse-device.js';
import type {MountPolicy} from './mount-policy.js';
import type {MountRequest} from './mount-request.js';
import {waitUntilFree} from './source.js';

/**
 * Goes through everything of a mount that comes before a server is reached, and undoes it: options, source, target, policy, the fuse
 * device. What only the server can tell (whether the source holds such a file system, the options of its driver) stays open.
 *
 * @throws MountError as `mount` would
 */
export async function rehearse(
  request: MountRequest,
  deps: {policy: MountPolicy; decide(facts: MountFacts): Decision; log?: Log},
): Promise<Decision> {
  const cleanup = new Cleanup(deps.log ?? silent);
  try {
    const {source, facts} = examine(request, deps.policy, cleanup);
    const object = `${request.source} on ${request.target}`;
    const decision = authorize(object, facts, (all) => deps.decide(all));
    await waitUntilFree(source);
    openFuseDevice('/dev/fuse', object).close();
    return decision;
  } finally {
    await cleanup.run(false);
  }
}
