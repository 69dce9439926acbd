export {type Accounts, SystemAccounts} from './accounts.js';
export type {AllowRule, Origin, SourceKind} from './allow-rule.js';
export {wayOf} from './command-check.js';
export {grantText} from './command-kinds.js';
export {CONTAINMENT_POINTS, type ContainmentPoint} from './containment-points.js';
export {decide, isForCaller, settingsFor} from './decide.js';
export type {Decision, MountFacts} from './decision.js';
export {loadPolicy} from './load.js';
export {type MemberRule, memberProblem} from './member-rule.js';
export {LONGEST_PATTERN, matchesPath, patternProblem} from './path-pattern.js';
export {placeholdersOf} from './placeholders.js';
export type {
  CommandWay,
  ContainmentPolicy,
  DriverPolicy,
  Grant,
  IomapPolicy,
  LoopPolicy,
  NetworkReach,
  Policy,
  ServerDeathPolicy,
  ServerPolicy,
} from './policy.js';
export {PolicyError, type PolicyProblem, problemText} from './policy-error.js';
export {readPolicyText} from './policy-file.js';
export {
  isTypeName,
  listDirectory,
  POLICY_DIRECTORY,
  type PolicyFiles,
  readHeldFile,
  SHIPPED_DIRECTORY,
} from './policy-files.js';
export {PolicySet} from './policy-set.js';
export {policySchema} from './schema.js';
export {type Setting, settingsList} from './settings-list.js';
export {isSourceName} from './source-name.js';
export {checkDirectory, readTrusted} from './trusted-file.js';
