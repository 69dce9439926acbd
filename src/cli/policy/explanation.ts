import {Cleanup} from '../../helper/cleanup.js';
import {examine, MountError, type MountRequest} from '../../helper/index.js';
import {
  type Accounts,
  type Decision,
  type MountFacts,
  type Setting,
  settingsList,
} from '../../policy/index.js';
import {silent} from '../../service/log.js';
import {mountRules, sourceText} from '../mount/mount-rules.js';

/** Types that a server of our own can find on a source. */
const DETECTABLE = ['ext2', 'ext3', 'ext4'];
/** Who stands for an ordinary user: the overflow user, who owns nothing. */
const NOBODY = 65_534;

/** What policy says to a mount that is not made. */
export interface Explanation {
  readonly decision: Decision;
  readonly facts: MountFacts;
  /** In force for the caller. */
  readonly settings: readonly Setting[];
  /** What the rules of each type say that may be found, where none is named. */
  readonly detected: Readonly<Record<string, Verdict>>;
  /** What the same rules say to a user whom no rule names, if the caller is root. */
  readonly ordinaryUser: Decision | undefined;
}

/** A decision, or why there is none. */
export type Verdict = {readonly decision: Decision} | {readonly refused: string};

/**
 * Goes the way of a real mount up to the moment when something would be started: the same looks at source and target, the same
 * rules.
 * @throws MountError, PolicyError as the mount would
 */
export async function explain(
  request: MountRequest,
  policyDirectory: string | undefined,
): Promise<Explanation> {
  const cleanup = new Cleanup(silent);
  const rulesFor = (callerUid: number) => mountRules({...request, callerUid}, policyDirectory);
  try {
    const rules = rulesFor(request.callerUid);
    const {policy} = rules;
    const source = sourceText(request.source, policy);
    const {facts} = examine({...request, source}, policy, cleanup);
    const nobody = {uid: NOBODY, gid: NOBODY, groups: []};
    return {
      decision: rules.decide(facts),
      facts,
      settings: settingsList(policy),
      detected: request.type === undefined ? detectedVerdicts(rules, facts) : {},
      ordinaryUser: request.callerUid === 0 ? rulesFor(NOBODY).decide({...facts, caller: nobody}) : undefined,
    };
  } finally {
    await cleanup.run(false);
  }
}

function detectedVerdicts(rules: ReturnType<typeof mountRules>, facts: MountFacts): Record<string, Verdict> {
  return Object.fromEntries(
    DETECTABLE.map((type) => {
      try {
        return [type, {decision: rules.decideDetected(type, facts)}];
      } catch (error) {
        if (!(error instanceof MountError)) throw error;
        return [type, {refused: error.message}];
      }
    }),
  );
}

/** Who asks, by name or number, as the mount command would see them. Undefined for a name that nobody has. */
export function callerOf(
  user: string | undefined,
  accounts: Accounts,
): Pick<MountRequest, 'callerUid' | 'callerGid' | 'callerGroups'> | undefined {
  if (user === undefined) {
    return {
      callerUid: process.getuid!(),
      callerGid: process.getgid!(),
      callerGroups: process.getgroups!(),
    };
  }
  const uid = /^\d{1,10}$/.test(user) ? Number(user) : accounts.userId(user);
  if (uid === undefined) return undefined;
  return {
    callerUid: uid,
    callerGid: accounts.primaryGroup(uid) ?? uid,
    callerGroups: accounts.groupsOf(uid),
  };
}
