import {type PolicyFiles, readHeldFile} from '../../policy/policy-files.js';

/** What says where the policy of a mount is read. */
export interface PolicyPlace {
  /** File with the policy that a manager holds, in place of the directory's. */
  readonly heldPolicy?: string | undefined;
  /** Directory of policy files; the usual one where it is undefined. */
  readonly policyDirectory: string | undefined;
}

/** Where the policy of an order is read: what a manager holds, or a directory; undefined for the usual one. @throws PolicyError */
export function policyFiles({heldPolicy, policyDirectory}: PolicyPlace): string | PolicyFiles | undefined {
  return heldPolicy === undefined ? policyDirectory : readHeldFile(heldPolicy);
}
