import type {Policy} from './policy.js';
import {PolicyError, type PolicyProblem} from './policy-error.js';
import {type PolicyFile, readPolicyText} from './policy-file.js';
import {
  directoryFiles,
  isTypeName,
  POLICY_DIRECTORY,
  type PolicyFiles,
  type PolicyText,
  shippedFiles,
} from './policy-files.js';
import {readAtBuild} from './read-at-build.js';

/** The type whose policy holds for a mount without `-t`. */
export const UNNAMED_TYPE = 'auto';

/** The file whose settings hold for every type. */
export const DEFAULTS = 'defaults';

/** What each file said last, and in which text. */
const known = new Map<string, {readonly text: string; readonly read: PolicyFile}>();

/**
 * What a file says, which is not read anew while its text is the same: a command that waits for a mount has read it before, and the build those that ship.
 * @throws PolicyError
 */
function readAgain(name: string, place: PolicyText): PolicyFile {
  const {file, text} = place;
  const last = known.get(file);
  if (last?.text === text) return last.read;
  const read = readAtBuild(name, place) ?? readPolicyText(file, text);
  known.set(file, {text, read});
  return read;
}

/** Reads files in order, and gathers what is wrong in all of them. @throws PolicyError */
function readLayers(names: readonly string[], places: readonly PolicyFiles[]): PolicyFile[] {
  const problems: PolicyProblem[] = [];
  const layers: PolicyFile[] = [];
  for (const place of places) {
    for (const name of names) {
      try {
        const found = place.read(name);
        if (found !== undefined) layers.push(readAgain(name, found));
      } catch (error) {
        if (!(error instanceof PolicyError)) throw error;
        problems.push(...error.problems);
      }
    }
  }
  if (problems.length > 0) throw new PolicyError(problems);
  return layers;
}

/**
 * The policy for a type: what ships for all types and for this one, then `defaults.toml` and `TYPE.toml` of the administrator's,
 * key by key. A file with `[[allow]]` tables replaces those of the files before it. A type that no file is for has no rules, so
 * nobody may mount it.
 *
 * @param type undefined for a mount whose type the server has to find out
 * @param from the administrator's directory, or files of it that were read before
 * @throws PolicyError naming file, line and key when one of them can't be used; nothing is mounted on half a policy
 */
export function loadPolicy(type: string | undefined, from: string | PolicyFiles = POLICY_DIRECTORY): Policy {
  const own = type ?? UNNAMED_TYPE;
  const files = typeof from === 'string' ? directoryFiles(from) : from;
  // "defaults" is a file for all types, so no type is called that.
  const isType = isTypeName(own) && own !== DEFAULTS;
  const layers = readLayers(isType ? [DEFAULTS, own] : [DEFAULTS], [shippedFiles, files]);
  return {
    // The shipped file has every key, which a test holds it to, so the sum is a whole Policy.
    ...(Object.assign({}, ...layers.map((layer) => layer.settings)) as Policy),
    server: Object.assign({}, ...layers.map((layer) => layer.tables.server)),
    containment: Object.assign({}, ...layers.map((layer) => layer.tables.containment)),
    allow: layers.findLast((layer) => layer.allow !== undefined)?.allow ?? [],
    ownFile: isType ? files.path(own) : undefined,
    origins: Object.assign({}, ...layers.map((layer) => layer.origins)),
  };
}
