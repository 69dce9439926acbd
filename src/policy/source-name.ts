/**
 * A source that is no file of this machine but something that its server finds by a name: `user@host:directory`, `remote:bucket`.
 * It becomes a word of a command line, so it must not begin like an option; and not like a path, so that nobody takes one for the other.
 */

/** Longest name, characters. */
const LONGEST_NAME = 1024;

/** The form of a name as a regular expression without anchors, for the JSON schema too. */
export const SOURCE_NAME = '[^\\x00-\\x20\\x7f/~.*?-][^\\x00-\\x20\\x7f]*';

const NAME = new RegExp(`^${SOURCE_NAME}$`);

/** Whether a text can be the name of a source. */
export function isSourceName(text: string): boolean {
  return text.length <= LONGEST_NAME && NAME.test(text);
}

/** Whether a rule's pattern fits a name: `**` fits every one, anything else the same letters alone. */
export function matchesName(pattern: string, name: string): boolean {
  return pattern === '**' || pattern === name;
}
