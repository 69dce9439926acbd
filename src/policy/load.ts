import {closeSync, constants, fstatSync, openSync, readFileSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {parse, TomlError} from 'smol-toml';
import {checkKeys} from './keys.js';
import {type Policy, PolicyError} from './policy.js';

/** The administrator's policy files. */
export const POLICY_DIRECTORY = '/etc/fuseward/policy.d';

/** What ships with the program: every key, with its value where nobody says otherwise. */
export const SHIPPED_DEFAULTS = fileURLToPath(new URL('../../policy/defaults.toml', import.meta.url));

/** File-system types become file names, so nothing but these characters: no slash, no leading dot. */
const TYPE = /^[a-z0-9][a-z0-9_+-]{0,31}$/;

/** Whether a string can be the name of a file-system type. */
export function isTypeName(type: string): boolean {
  return TYPE.test(type);
}

/**
 * Reads a file that decides over privileges: it must belong to root and be writable by nobody else.
 * Undefined when it is not there.
 */
function readTrusted(file: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new PolicyError(file, undefined, (error as Error).message);
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new PolicyError(file, undefined, 'is not a regular file');
    if (stat.uid !== 0 || (stat.mode & 0o022) !== 0) {
      throw new PolicyError(file, undefined, UNTRUSTED);
    }
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

const UNTRUSTED = 'must belong to root and be writable by root alone';

/** Whoever may write to the directory could take away a file that is stricter than what ships. */
function checkDirectory(directory: string): void {
  const stat = statSync(directory, {throwIfNoEntry: false});
  if (stat === undefined) return;
  // In a sticky directory only the owner of a file takes it away.
  const open = (stat.mode & 0o022) !== 0 && (stat.mode & 0o1000) === 0;
  const strange = stat.uid !== 0 && stat.uid !== process.geteuid?.();
  if (strange || open) throw new PolicyError(directory, undefined, UNTRUSTED);
}

function parseFile(file: string, text: string): Record<string, unknown> {
  try {
    return checkKeys(file, parse(text));
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split('\n', 1)[0] ?? 'is not TOML';
    throw new PolicyError(`${file}:${error.line}:${error.column}`, undefined, reason);
  }
}

/**
 * The policy for a type: what ships, then `defaults.toml`, then `TYPE.toml` of the administrator's directory, key by key.
 * @throws PolicyError naming file and key when one of them can't be used; nothing is mounted on half a policy.
 */
export function loadPolicy(type: string | undefined, directory: string = POLICY_DIRECTORY): Policy {
  const layers = [parseFile(SHIPPED_DEFAULTS, readFileSync(SHIPPED_DEFAULTS, 'utf8'))];
  const names = type !== undefined && isTypeName(type) ? ['defaults', type] : ['defaults'];
  checkDirectory(directory);
  for (const name of names) {
    const file = join(directory, `${name}.toml`);
    const text = readTrusted(file);
    if (text !== undefined) layers.push(parseFile(file, text));
  }
  // The shipped file has every key, which a test holds it to, so the sum is a whole Policy.
  const server = Object.assign({}, ...layers.map((layer) => layer['server']));
  return Object.assign({}, ...layers, {server}) as Policy;
}
