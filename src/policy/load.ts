import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import type {Policy} from './policy.js';
import {PolicyError, type PolicyProblem} from './policy-error.js';
import {type PolicyFile, readPolicyText} from './policy-file.js';
import {checkDirectory, readTrusted} from './trusted-file.js';

/** The administrator's policy files. */
export const POLICY_DIRECTORY = '/etc/fuseward/policy.d';

/** What ships with the program: `defaults.toml` with every key, and a file for each type that a server of our own knows. */
export const SHIPPED_DIRECTORY: string = fileURLToPath(new URL('../../policy', import.meta.url));

/** The type whose policy holds for a mount without `-t`. */
export const UNNAMED_TYPE = 'auto';

/** File-system types become file names, so nothing but these characters: no slash, no leading dot. */
const TYPE = /^[a-z0-9][a-z0-9_+-]{0,31}$/;

/** Whether a string can be the name of a file-system type. */
export function isTypeName(type: string): boolean {
  return TYPE.test(type);
}

function readShipped(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Reads files in order, and gathers what is wrong in all of them. @throws PolicyError */
function readLayers(files: ReadonlyArray<readonly [file: string, read: typeof readTrusted]>): PolicyFile[] {
  const problems: PolicyProblem[] = [];
  const layers: PolicyFile[] = [];
  for (const [file, read] of files) {
    try {
      const text = read(file);
      if (text !== undefined) layers.push(readPolicyText(file, text));
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new PolicyError(problems);
  return layers;
}

/**
 * The policy for a type: what ships for all types and for this one, then `defaults.toml` and `TYPE.toml` of the administrator's
 * directory, key by key. A file with `[[allow]]` tables replaces those of the files before it. A type that no file is for has no
 * rules, so nobody may mount it.
 * @param type undefined for a mount whose type the server has to find out
 * @throws PolicyError naming file, line and key when one of them can't be used; nothing is mounted on half a policy
 */
export function loadPolicy(type: string | undefined, directory: string = POLICY_DIRECTORY): Policy {
  const own = type ?? UNNAMED_TYPE;
  const names = isTypeName(own) ? ['defaults', own] : ['defaults'];
  checkDirectory(directory);
  const layers = readLayers([
    ...names.map((name) => [join(SHIPPED_DIRECTORY, `${name}.toml`), readShipped] as const),
    ...names.map((name) => [join(directory, `${name}.toml`), readTrusted] as const),
  ]);
  return {
    // The shipped file has every key, which a test holds it to, so the sum is a whole Policy.
    ...(Object.assign({}, ...layers.map((layer) => layer.settings)) as Policy),
    server: Object.assign({}, ...layers.map((layer) => layer.tables.server)),
    containment: Object.assign({}, ...layers.map((layer) => layer.tables.containment)),
    allow: layers.findLast((layer) => layer.allow !== undefined)?.allow ?? [],
    ownFile: isTypeName(own) ? join(directory, `${own}.toml`) : undefined,
    origins: Object.assign({}, ...layers.map((layer) => layer.origins)),
  };
}
