import type {Decision, MountFacts} from '../policy/index.js';
import {ERRNO} from '../sys/errno-codes.js';
import {MountError} from './errors.js';

/**
 * Asks policy about a mount before anything is done for it.
 *
 * @throws MountError `policy-denied` (EPERM) with the reason and the file and line that it comes from
 */
export function authorize(
  object: string,
  facts: MountFacts,
  decide: (facts: MountFacts) => Decision,
): Decision {
  const decision = decide(facts);
  if (decision.allowed) return decision;
  const {origin, reason} = decision;
  const place = origin === undefined ? '' : ` (${origin.file}:${origin.line})`;
  throw new MountError(
    {object, reason: `policy denies it: ${reason}${place}`, code: 'policy-denied'},
    {errno: ERRNO.EPERM, details: {rule: origin, caller: facts.caller.uid}},
  );
}
