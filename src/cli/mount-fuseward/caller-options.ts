import {BUILTIN_OPTIONS, isGeneric} from '../../service/option-table.js';
import {joinOptions, splitOptions} from '../../service/option-text.js';
import type {MountOrder} from '../mount/perform.js';

/** What mount(8) gave with `-o`, made fit for us. */
export interface GivenOptions {
  readonly options: MountOrder['options'];
  /** Whether `ro` was asked for; `rw` is what mount(8) adds where nobody said anything. */
  readonly readOnly: boolean;
}

/**
 * Takes `rw` out, which mount(8) always gives unless it was told `ro`, and with `sloppy` what no driver of our own knows.
 * A server of somebody else's is asked: only it knows its options.
 */
export function givenOptions(
  texts: readonly string[],
  {sloppy, type}: {sloppy: boolean; type: string | undefined},
): GivenOptions {
  const known = BUILTIN_OPTIONS.get(type ?? 'auto');
  const kept = splitOptions(texts.join(',')).filter(
    ({key}) => !sloppy || known === undefined || isGeneric(key) || known.includes(key),
  );
  const access = kept.filter(({key, value}) => value === undefined && (key === 'ro' || key === 'rw'));
  const readOnly = access.at(-1)?.key === 'ro';
  const rest = kept.filter((option) => !access.includes(option));
  return {options: [joinOptions(readOnly ? [{key: 'ro'}, ...rest] : rest)], readOnly};
}
