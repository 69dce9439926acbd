import {resolve} from 'node:path';
import {isDeepStrictEqual} from 'node:util';
import {MountError, noDriver, subtypeOf} from '../../helper/index.js';
import {hasServer} from '../../launch/index.js';
import {
  type Decision,
  decide,
  isForCaller,
  isSourceName,
  loadPolicy,
  type MountFacts,
  type Policy,
  type PolicyFiles,
  settingsFor,
} from '../../policy/index.js';
import {ERRNO} from '../../sys/errno-codes.js';
import {checkMountCount} from './mount-count.js';

/** What of a mount chooses the policy that holds for it. */
export interface MountKind {
  readonly source: string;
  readonly target: string;
  /** `ext4`, `fuse.ext4`; undefined: the contained server finds out. */
  readonly type: string | undefined;
  readonly callerUid: number;
}

/** What policy says to a mount, at the three moments when it is asked. */
export interface MountRules {
  /** In force for this caller, and what kinds of source may be mounted by it at all. */
  readonly policy: Policy & {readonly sourceKinds: {readonly directory: boolean; readonly name: boolean}};
  /** Before anything is started. @throws MountError `no-driver` */
  decide(facts: MountFacts): Decision;
  /** When the server has found out the type. @throws MountError `type-has-policy` */
  decideDetected(detected: string, facts: MountFacts): Decision;
}

/**
 * Loads the policy for a mount.
 * @param from the administrator's directory, or files that a manager holds
 * @throws PolicyError; MountError `bad-type`
 */
export function mountRules(kind: MountKind, from: string | PolicyFiles | undefined): MountRules {
  const {source, target, callerUid} = kind;
  // `fuse.ext4` is the same type as `ext4`, so the same rules are for it.
  const subtype = kind.type === undefined ? undefined : subtypeOf(kind.type);
  const policyOf = (type: string | undefined): Policy => settingsFor(loadPolicy(type, from), callerUid);
  const policy = policyOf(subtype);
  const sourceKinds = {
    directory: policy.server.command !== undefined,
    name: policy.allow.some((rule) => rule.sourceKinds.includes('name')),
  };
  return {
    policy: {...policy, sourceKinds},
    decide(facts) {
      // Who has no driver may fall back to another way of mounting; who is denied may not.
      if (policy.allow.length === 0 && !hasServer(subtype, policy.server)) {
        throw noDriver(`${source} on ${target}`, subtype);
      }
      checkMountCount({callerUid, source, target}, policy.maxMountsPerUser);
      return decide(policy, facts);
    },
    decideDetected(detected, facts) {
      const own = policyOf(detected);
      if (isDeepStrictEqual(settingsOf(own), settingsOf(policy))) return decide(own, facts);
      const reason = `it holds ${detected}, which has a policy of its own: say so with -t ${detected}`;
      throw new MountError({object: source, reason, code: 'type-has-policy'});
    },
  };
}

/**
 * Turns away who could not mount anything of a type, before more is done for him.
 * @throws MountError `policy-denied`; PolicyError
 */
export function refuseStrangers(
  type: string | undefined,
  caller: MountFacts['caller'],
  from: string | PolicyFiles | undefined,
): void {
  const policy = loadPolicy(type === undefined ? undefined : subtypeOf(type), from);
  // Whether there is a driver at all is told later.
  if (policy.allow.length === 0 || isForCaller(policy, caller)) return;
  const {origin} = policy.allow[0]!;
  const reason = `policy denies it: no rule is for user ${caller.uid} (${origin.file}:${origin.line})`;
  throw new MountError(
    {object: `as ${type ?? 'any type'}`, reason, code: 'policy-denied'},
    {errno: ERRNO.EPERM, details: {rule: origin, caller: caller.uid}},
  );
}

/** A source as the helper takes it: a name as it is, a path absolute, because the mount table is read from other directories than this one. */
export function sourceText(source: string, {sourceKinds}: MountRules['policy']): string {
  return sourceKinds.name && isSourceName(source) ? source : resolve(source);
}

/** What of a policy has an effect after a mount was allowed. */
function settingsOf(policy: Policy): Partial<Policy> {
  const {allow: _allow, origins: _origins, ownFile: _ownFile, server, ...settings} = policy;
  // How many wait is the manager's affair.
  return {...settings, server: {...server, pool: 0}};
}
