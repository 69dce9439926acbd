import {placeholdersOf} from './placeholders.js';
import type {CommandWay} from './policy.js';

/** What of one file's `[server]` belongs together. */
interface CommandSettings {
  readonly command?: readonly string[];
  readonly way?: CommandWay;
  readonly secrets?: Readonly<Record<string, string>>;
}

/** What is wrong between the keys of a command that a file sets, each of which is right by itself. */
export function commandProblems({command, way = 'auto', secrets = {}}: CommandSettings): string[] {
  if (command === undefined) return [];
  const used = placeholdersOf(command);
  const unknown = [...used].filter(
    (name) => name.startsWith('secret:') && !Object.hasOwn(secrets, name.slice('secret:'.length)),
  );
  const problems = unknown.map((name) => `uses {${name}}, which secrets of the same file has not`);
  if (way === 'service' && used.size > 0) {
    problems.push('has placeholders, which way = "service" does not fill in');
  }
  const needsTarget = way !== 'service' && (way !== 'auto' || used.size > 0);
  if (needsTarget && !used.has('target')) problems.push('needs {target}: where the command is to mount');
  return problems;
}

/** How a command gets its mount: one without placeholders that leaves it open speaks the service protocol. */
export function wayOf(command: readonly string[], way: CommandWay): CommandWay {
  return way === 'auto' && placeholdersOf(command).size === 0 ? 'service' : way;
}
