import {
  isTypeName,
  listDirectory,
  loadPolicy,
  type Policy,
  PolicyError,
  type PolicyProblem,
  SHIPPED_DIRECTORY,
  wayOf,
} from '../../policy/index.js';

const KEY = 'containment.required';
const NO_TYPES = ['defaults', 'auto'];

/** Whether a server of that policy can't have the point landlock: it holds the network of commands alone, where that is a list of places or the machine's. */
function lacksLandlock({command, network, way}: Policy['server']): boolean {
  return command !== undefined && (network === 'none' || wayOf(command, way) === 'service');
}

/** The policy of a type; undefined where it can't be used, which is told of its files. */
function policyOf(type: string, directory: string): Policy | undefined {
  try {
    return loadPolicy(type, directory);
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return undefined;
  }
}

/**
 * Warnings about types of which no mount can have all that policy requires, where a file of this directory requires it: their servers are commands
 * without a network, and `landlock` is required.
 */
export function landlockWarnings(directory: string): PolicyProblem[] {
  const names = new Set([directory, SHIPPED_DIRECTORY].flatMap((each) => listDirectory(each).names));
  const types = [...names].filter((name) => isTypeName(name) && !NO_TYPES.includes(name)).sort();
  const refused = new Map<string, {origin: Policy['origins'][string]; types: string[]}>();
  for (const type of types) {
    const policy = policyOf(type, directory);
    const origin = policy?.origins[KEY];
    if (policy === undefined || origin === undefined || !origin.file.startsWith(`${directory}/`)) continue;
    if (!policy.containment.required.includes('landlock') || !lacksLandlock(policy.server)) continue;
    const place = `${origin.file}:${origin.line}`;
    refused.set(place, {origin, types: [...(refused.get(place)?.types ?? []), type]});
  }
  return [...refused.values()].map(({origin, types}) => ({
    ...origin,
    key: KEY,
    reason: `has landlock, which a command has only with a network; mounts of ${types.join(', ')} are refused`,
  }));
}
