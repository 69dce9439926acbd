import {PolicyError} from './policy.js';

/** Checks one value; the answer is the value as the program uses it. @throws string what would be right */
type Check = (value: unknown) => unknown;

const oneOf =
  (...allowed: string[]): Check =>
  (value) => {
    if (typeof value === 'string' && allowed.includes(value)) return value;
    throw `must be one of ${allowed.map((each) => `"${each}"`).join(', ')}`;
  };

const yesOrNo: Check = (value) => {
  if (typeof value === 'boolean') return value;
  throw 'must be true or false';
};

const integer =
  (least: number, most: number): Check =>
  (value) => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    throw `must be a whole number from ${least} to ${most}`;
  };

const seconds =
  (least: number, most: number): Check =>
  (value) => {
    if (typeof value === 'number' && value >= least && value <= most) return Math.round(value * 1000);
    throw `must be a number of seconds from ${least} to ${most}`;
  };

/** Every key a policy file may have: its name in the program and what it may be. */
const KEYS: Record<string, {name: string; check: Check}> = {
  loop: {name: 'loop', check: oneOf('always', 'auto', 'never')},
  direct_io: {name: 'directIo', check: yesOrNo},
  iomap: {name: 'iomap', check: oneOf('allow', 'deny', 'require')},
  allow_dev: {name: 'allowDev', check: yesOrNo},
  allow_suid: {name: 'allowSuid', check: yesOrNo},
  allow_other: {name: 'allowOther', check: yesOrNo},
  read_ahead_bytes: {name: 'readAheadBytes', check: integer(0, 2 ** 27)},
  deadline_seconds: {name: 'deadlineMs', check: seconds(1, 3600)},
  on_server_death: {name: 'onServerDeath', check: oneOf('detach', 'keep')},
  slow_request_seconds: {name: 'slowRequestMs', check: seconds(0.1, 3600)},
  unresponsive_seconds: {name: 'unresponsiveMs', check: seconds(1, 3600)},
};

/** 2^31 and above are negative in programs that take a user id for an int; 2^16 and below are people and services. */
const SERVER_KEYS: Record<string, {name: string; check: Check}> = {
  uid_base: {name: 'uidBase', check: integer(65_536, 2_147_418_112)},
  uid_count: {name: 'uidCount', check: integer(1, 65_536)},
  cache_bytes: {name: 'cacheBytes', check: integer(65_536, 2 ** 34)},
  memory_bytes: {name: 'memoryBytes', check: integer(2 ** 28, 2 ** 40)},
};

function translate(
  file: string,
  prefix: string,
  table: Record<string, unknown>,
  keys: typeof KEYS,
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(table)) {
    const known = Object.hasOwn(keys, key) ? keys[key] : undefined;
    if (known === undefined) {
      throw new PolicyError(file, prefix + key, `is not known; known are ${Object.keys(keys).join(', ')}`);
    }
    try {
      values[known.name] = known.check(value);
    } catch (reason) {
      throw new PolicyError(file, prefix + key, String(reason));
    }
  }
  return values;
}

/** The keys of one parsed policy file, checked and under the program's names. @throws PolicyError */
export function checkKeys(file: string, parsed: Record<string, unknown>): Record<string, unknown> {
  const {server = {}, ...own} = parsed;
  if (typeof server !== 'object' || server === null || Array.isArray(server)) {
    throw new PolicyError(file, 'server', 'must be a table');
  }
  return {
    ...translate(file, '', own, KEYS),
    server: translate(file, 'server.', server as Record<string, unknown>, SERVER_KEYS),
  };
}
