/**
 * Words in braces that stand for something in the arguments of a command: `{source}`, `{target}`, `{type}`, `{options}`,
 * `{secret:NAME}`; `{uid}` and `{gid}` are the ids of who mounts, `{server-uid}` the one that the command runs under.
 */
export const PLACEHOLDERS = ['source', 'target', 'type', 'options', 'uid', 'gid', 'server-uid'] as const;

/** Names of secrets and of environment variables. */
export const VARIABLE_NAME = '[A-Za-z_][A-Za-z0-9_]{0,63}';

const KNOWN = `\\{(?:${PLACEHOLDERS.join('|')}|secret:${VARIABLE_NAME})\\}`;

/** An argument as a regular expression: what looks like a placeholder is one, any other brace is a brace. */
export const ARGUMENT = `^(?:[^\\x00{]|\\{(?![a-z-]+[:}])|${KNOWN})*$`;

/** The placeholders of a command, without braces, each once: `source`, `secret:password`. */
export function placeholdersOf(command: readonly string[]): Set<string> {
  const found = command.flatMap((word) => [...word.matchAll(new RegExp(KNOWN, 'g'))]);
  return new Set(found.map(([text]) => text.slice(1, -1)));
}
