import {type Accounts, SystemAccounts} from './accounts.js';
import type {AllowRule, Origin, SourceKind} from './allow-rule.js';
import type {Decision, MountFacts} from './decision.js';
import {memberRuleOf} from './member-rule.js';
import {matchesPath} from './path-pattern.js';
import type {Policy} from './policy.js';
import {matchesName} from './source-name.js';

/** What users other than root always get: their images must not bring privileges along. */
const USER_OPTIONS = ['nosuid', 'nodev'];

/**
 * Whether a mount is allowed. Options that are forbidden refuse it; then the first rule that fits it in every point allows it; then
 * users other than root have to fit what is said for them as well. Nothing that says so: denied.
 */
export function decide(
  policy: Policy,
  facts: MountFacts,
  accounts: Accounts = new SystemAccounts(),
): Decision {
  const isUser = facts.caller.uid !== 0;
  const forced = [...new Set([...(isUser ? USER_OPTIONS : []), ...policy.forceOptions])];
  const considered: Array<{origin: Origin; verdict: string}> = [];
  const deny = (origin: Origin | undefined, reason: string): Decision => {
    return {allowed: false, origin, reason, considered, forced};
  };

  const forbidden = facts.options.find(({key}) => policy.forbidOptions.includes(key));
  if (forbidden !== undefined) {
    return deny(policy.origins['forbid_options'], `option ${JSON.stringify(forbidden.key)} is forbidden`);
  }
  if (policy.allow.length === 0) return deny(policy.origins['allow'], nobody(policy));

  const readOnly = facts.readOnly || forced.includes('ro');
  const match = new RuleMatch({...facts, readOnly}, accounts);
  let nearest: {origin: Origin; verdict: string; points: number} | undefined;
  for (const rule of policy.allow) {
    const {points, verdict} = match.against(rule);
    considered.push({origin: rule.origin, verdict: verdict ?? 'allows it'});
    if (verdict === undefined) {
      const members = memberRuleOf(rule, facts.caller, accounts);
      return {...forUser(policy, facts, {rule, considered, forced}), members};
    }
    if (points > (nearest?.points ?? -1)) nearest = {origin: rule.origin, verdict, points};
  }
  return deny(
    nearest?.origin,
    policy.allow.length === 1 ? nearest!.verdict : `no rule fits; the nearest: ${nearest!.verdict}`,
  );
}

function nobody({ownFile}: Policy): string {
  if (ownFile === undefined) return 'no policy file can be for a type of that name';
  return `nobody may mount this type: [[allow]] tables in ${ownFile} would say who may`;
}

/** What holds for users other than root on top of a rule that allows. */
function forUser(
  policy: Policy,
  {caller, source, target, options}: MountFacts,
  {
    rule,
    considered,
    forced,
  }: {rule: AllowRule; considered: Decision['considered']; forced: readonly string[]},
): Decision {
  const allowed = {allowed: true, origin: rule.origin, reason: 'the rule allows it', considered, forced};
  if (caller.uid === 0) return allowed;
  // A name is nothing that a user could have opened to show that it is his.
  if (source.kind === 'name')
    return {...allowed, allowed: false, reason: 'only root may mount what is named'};
  if (!policy.targetFileSystems.includes(target.fsType)) {
    const origin = policy.origins['target_file_systems'];
    return {
      ...allowed,
      allowed: false,
      origin,
      reason: `users may not mount on a ${target.fsType} file system`,
    };
  }
  const sharing = options.find(({key}) => key === 'allow_other' || key === 'allow_root');
  if (sharing !== undefined && !(policy.allowOther && policy.allowOtherForUsers)) {
    const origin = policy.origins[policy.allowOther ? 'allow_other_users' : 'allow_other'];
    return {...allowed, allowed: false, origin, reason: `users may not mount with ${sharing.key}`};
  }
  return allowed;
}

/** Whether any rule is for a caller at all, whatever is to be mounted where. */
export function isForCaller(
  {allow}: Policy,
  caller: MountFacts['caller'],
  accounts: Accounts = new SystemAccounts(),
): boolean {
  return allow.some((rule) => fitsWho(rule, caller, accounts));
}

/** The settings that hold for a caller: what is for root alone is off for others. */
export function settingsFor(policy: Policy, uid: number): Policy {
  if (uid === 0) return policy;
  return {
    ...policy,
    allowDev: false,
    allowSuid: false,
    fuseblk: false,
    allowOther: policy.allowOther && policy.allowOtherForUsers,
  };
}

/** Kinds of source in words. */
const KIND_WORDS: Readonly<Record<SourceKind, string>> = {
  file: 'a regular file',
  block: 'a block device',
  directory: 'a directory',
  name: 'the name of something that is no file here',
};

/** Compares one mount with rules, point by point in the order of the file. */
class RuleMatch {
  readonly #facts: MountFacts;
  readonly #accounts: Accounts;
  #home: {path: string | undefined} | undefined;

  constructor(facts: MountFacts, accounts: Accounts) {
    this.#facts = facts;
    this.#accounts = accounts;
  }

  /** How many points fit, and what the first that does not fit says; no verdict when all do. */
  against(rule: AllowRule): {points: number; verdict: string | undefined} {
    const checks = [
      this.#who,
      this.#sourcePath,
      this.#sourceKind,
      this.#sourceOwner,
      this.#sourceSize,
      this.#targetPath,
      this.#targetOwner,
      this.#access,
    ];
    for (const [points, check] of checks.entries()) {
      const verdict = check.call(this, rule);
      if (verdict !== undefined) return {points, verdict};
    }
    return {points: checks.length, verdict: undefined};
  }

  #who(rule: AllowRule): string | undefined {
    const {caller} = this.#facts;
    if (fitsWho(rule, caller, this.#accounts)) return undefined;
    const {users, groups} = rule;
    const whom = [...users, ...groups.map((group) => `group ${group}`)].join(', ');
    return `the rule is for ${whom}, not for ${this.#name(caller.uid)}`;
  }

  #sourcePath({sources}: AllowRule): string | undefined {
    const {path, kind} = this.#facts.source;
    if (kind === 'name') {
      const fits = sources.some((pattern) => matchesName(pattern, path));
      return fits ? undefined : `the source ${path} is none of ${sources.join(', ')}`;
    }
    return this.#fits(path, sources) ? undefined : `the source ${path} is none of ${sources.join(', ')}`;
  }

  #sourceKind({sourceKinds}: AllowRule): string | undefined {
    const {kind} = this.#facts.source;
    if (sourceKinds.includes(kind)) return undefined;
    return `the source is ${KIND_WORDS[kind]}, not ${sourceKinds.map((each) => KIND_WORDS[each]).join(' or ')}`;
  }

  #sourceOwner({sourceOwner}: AllowRule): string | undefined {
    return this.#belongs('source', this.#facts.source.uid, sourceOwner);
  }

  #sourceSize({maxSourceBytes}: AllowRule): string | undefined {
    const {bytes} = this.#facts.source;
    if (maxSourceBytes === null || bytes <= maxSourceBytes) return undefined;
    return Number.isFinite(bytes)
      ? `the source has ${bytes} bytes, more than ${maxSourceBytes}`
      : `the size of the source is not known, and it may have ${maxSourceBytes} bytes`;
  }

  #targetPath({targets}: AllowRule): string | undefined {
    const {path} = this.#facts.target;
    return this.#fits(path, targets) ? undefined : `the target ${path} is none of ${targets.join(', ')}`;
  }

  #targetOwner({targetOwner}: AllowRule): string | undefined {
    return this.#belongs('target', this.#facts.target.uid, targetOwner);
  }

  #access({access}: AllowRule): string | undefined {
    return access === 'read-write' || this.#facts.readOnly
      ? undefined
      : 'the rule is for read-only mounts (-o ro)';
  }

  #belongs(what: string, owner: number, wanted: AllowRule['sourceOwner']): string | undefined {
    if (wanted === 'anyone') return undefined;
    const right = wanted === 'root' ? 0 : this.#facts.caller.uid;
    if (owner === right) return undefined;
    return `the ${what} belongs to ${this.#name(owner)}, not to ${this.#name(right)}`;
  }

  #fits(path: string, patterns: readonly string[]): boolean {
    return patterns.some((pattern) =>
      matchesPath(pattern, path, pattern.startsWith('~') ? this.#homeOf() : undefined),
    );
  }

  #homeOf(): string | undefined {
    this.#home ??= {path: this.#accounts.home(this.#facts.caller.uid)};
    return this.#home.path;
  }

  #name(uid: number): string {
    return this.#accounts.userName(uid) ?? `user ${uid}`;
  }
}

function fitsWho({users, groups}: AllowRule, caller: MountFacts['caller'], accounts: Accounts): boolean {
  const {uid, gid, groups: more} = caller;
  if (users.some((user) => user === '*' || numberOf(accounts, user, 'userId') === uid)) return true;
  const own = new Set([gid, ...more]);
  return groups.some((group) => group === '*' || own.has(numberOf(accounts, group, 'groupId') ?? Number.NaN));
}

/** A rule's number is that number; there are names of digits nowhere. */
function numberOf(accounts: Accounts, account: string, find: 'userId' | 'groupId'): number | undefined {
  return /^\d+$/.test(account) ? Number(account) : accounts[find](account);
}
