export {isTypeName, loadPolicy, POLICY_DIRECTORY, SHIPPED_DEFAULTS} from './load.js';
export {
  type IomapPolicy,
  type LoopPolicy,
  type Policy,
  PolicyError,
  type ServerDeathPolicy,
  type ServerPolicy,
} from './policy.js';
