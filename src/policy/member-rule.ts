import type {Accounts} from './accounts.js';
import type {AllowRule, SourceKind} from './allow-rule.js';
import type {MountFacts} from './decision.js';
import {matchesPath, underHome} from './path-pattern.js';

/** What a rule says of the further sources that the file system in a source names, for one caller. */
export interface MemberRule {
  /** Patterns of their paths, without `~`. */
  readonly patterns: readonly string[];
  readonly kinds: readonly SourceKind[];
  /** Whom they must belong to; null for anybody. */
  readonly uid: number | null;
  /** The largest, bytes; null for no limit. */
  readonly mostBytes: number | null;
}

/** The rule's word on further sources: kind, owner and size as for the source itself. */
export function memberRuleOf(
  {members, sourceKinds, sourceOwner, maxSourceBytes}: AllowRule,
  caller: MountFacts['caller'],
  accounts: Accounts,
): MemberRule {
  const home = members.some((pattern) => pattern.startsWith('~')) ? accounts.home(caller.uid) : undefined;
  return {
    patterns: members.flatMap((pattern) => underHome(pattern, home) ?? []),
    kinds: sourceKinds,
    uid: sourceOwner === 'anyone' ? null : sourceOwner === 'root' ? 0 : caller.uid,
    mostBytes: maxSourceBytes,
  };
}

/**
 * What a rule has against a further source, by the descriptor that it will be read through; undefined: nothing.
 * @param listed patterns of the caller's own, beside those of the rule
 */
export function memberProblem(
  {patterns, kinds, uid, mostBytes}: MemberRule,
  member: MountFacts['source'],
  listed: readonly string[],
): string | undefined {
  if (![...patterns, ...listed].some((pattern) => matchesPath(pattern, member.path))) {
    return 'neither a policy rule (members) nor the caller (-o member=) lists it';
  }
  if (!kinds.includes(member.kind)) {
    return member.kind === 'file' ? 'it is a regular file' : 'it is a block device';
  }
  if (uid !== null && member.uid !== uid) return `it belongs to user ${member.uid}, not to user ${uid}`;
  if (mostBytes !== null && member.bytes > mostBytes) return `it has more than ${mostBytes} bytes`;
  return undefined;
}
