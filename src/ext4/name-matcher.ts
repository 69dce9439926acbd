import {foldName} from './casefold.js';
import {matchesNoKeyName, type NoKeyName, sameBytes} from './crypt-name.js';
import type {NameMatcher} from './dir-block.js';

/** The name, byte for byte. */
export function exactMatcher(name: Uint8Array): NameMatcher {
  return {
    matches: (block, start, end) => end - start === name.length && sameBytes(name, block, start),
  };
}

/**
 * A name in a directory that ignores case (generic_ci_match).
 * @param folded the name's folded form; undefined when it has none, and then it must be there byte for byte.
 */
export function foldedMatcher(name: Uint8Array, folded: Uint8Array | undefined): NameMatcher {
  if (folded === undefined) return exactMatcher(name);
  return {
    matches: (block, start, end) => {
      if (end - start === folded.length && sameBytes(folded, block, start)) return true;
      const other = foldName(block.subarray(start, end));
      return other !== undefined && other.length === folded.length && sameBytes(folded, other, 0);
    },
  };
}

/** The entry that a no-key name stands for. */
export function noKeyMatcher(wanted: NoKeyName): NameMatcher {
  return {matches: (block, start, end) => matchesNoKeyName(wanted, block, start, end)};
}
