import {readFileSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {findProgram, MissingProgram} from '../../launch/index.js';
import {
  type Accounts,
  checkDirectory,
  listDirectory,
  PolicyError,
  type PolicyProblem,
  readPolicyText,
  readTrusted,
  SystemAccounts,
} from '../../policy/index.js';
import {landlockWarnings} from './landlock-check.js';

/** What came of reading one policy file. */
export interface CheckedFile {
  readonly file: string;
  readonly problems: readonly PolicyProblem[];
  /** What is no error and probably not meant. */
  readonly warnings: readonly PolicyProblem[];
}

/**
 * Checks a policy file, or each in a directory. A single file may be anybody's: it may be a draft.
 * @throws Error when the path can't be read
 */
export function checkPolicy(path: string, accounts: Accounts = new SystemAccounts()): CheckedFile[] {
  if (statSync(path, {throwIfNoEntry: false})?.isDirectory() === false) {
    return [checkFile(path, () => readFileSync(path, 'utf8'), accounts)];
  }
  const {names, others} = listDirectory(path);
  const directory = attempt(() => checkDirectory(path));
  const together = directory.problems.length > 0 ? [] : landlockWarnings(path);
  return [
    ...(directory.problems.length > 0 ? [{file: path, problems: directory.problems, warnings: []}] : []),
    ...names.map((name) => {
      const file = join(path, `${name}.toml`);
      const checked = checkFile(file, () => readTrusted(file) ?? '', accounts);
      return {...checked, warnings: [...checked.warnings, ...together.filter((each) => each.file === file)]};
    }),
    ...others.map((other) => {
      const file = join(path, other);
      return {
        file,
        problems: [],
        warnings: [{file, reason: 'is not read: policy files are called TYPE.toml'}],
      };
    }),
  ];
}

function attempt<T>(act: () => T): {value: T | undefined; problems: readonly PolicyProblem[]} {
  try {
    return {value: act(), problems: []};
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return {value: undefined, problems: error.problems};
  }
}

function checkFile(file: string, read: () => string, accounts: Accounts): CheckedFile {
  const {value, problems} = attempt(() => readPolicyText(file, read()));
  const warnings: PolicyProblem[] = [];
  for (const {origin, users, groups} of value?.allow ?? []) {
    const unknown = (what: 'user' | 'group', name: string): void => {
      warnings.push({
        ...origin,
        key: `allow.${what}s`,
        reason: `names ${what} "${name}", whom this machine does not know`,
      });
    };
    for (const name of users.filter(isName)) if (accounts.userId(name) === undefined) unknown('user', name);
    for (const name of groups.filter(isName))
      if (accounts.groupId(name) === undefined) unknown('group', name);
  }
  const command = value?.tables.server['command'] as readonly string[] | undefined;
  if (command !== undefined) {
    const reason = missing(command[0]!);
    const origin = value?.origins['server.command'] ?? {file};
    if (reason !== undefined) warnings.push({...origin, key: 'server.command', reason});
  }
  return {file, problems, warnings};
}

function missing(program: string): string | undefined {
  try {
    findProgram(program);
    return undefined;
  } catch (error) {
    if (error instanceof MissingProgram) return `can't be run: ${error.message}`;
    throw error;
  }
}

function isName(account: string): boolean {
  return account !== '*' && !/^\d+$/.test(account);
}
