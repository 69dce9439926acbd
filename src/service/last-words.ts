/** Characters that are told. Most programs say what is wrong at the end, some before they show all their options. */
const HEAD_SHOWN = 100;
const END_SHOWN = 180;
/** So much is not worth an ellipsis. */
const SLACK = 20;
/** Lines of our own in the same log begin so. */
const OUR_LINE = '{"level":';

/**
 * What a program said, fit for a sentence: its beginning and its end, with slashes between lines; '' for nothing.
 * @param lines of its log, clean already; those of our own are left out
 */
export function sentenceOf(lines: readonly string[]): string {
  const own = lines.filter((line) => line !== '' && !line.startsWith(OUR_LINE));
  const joined = [...own.join(' / ')];
  if (joined.length <= HEAD_SHOWN + END_SHOWN + SLACK) return joined.join('');
  return `${joined.slice(0, HEAD_SHOWN).join('')} … ${joined.slice(-END_SHOWN).join('')}`;
}
