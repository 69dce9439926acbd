import {type Kind, listOf, text} from './kinds.js';
import {parseNetworkGrant} from './network-grant.js';
import {ARGUMENT, VARIABLE_NAME} from './placeholders.js';
import type {CommandWay, Grant} from './policy.js';

/** Values of `server.way`. */
export const COMMAND_WAYS = [
  'auto',
  'descriptor',
  'fusermount',
  'mount',
  'service',
] as const satisfies readonly CommandWay[];

const MOST_WORDS = 64;
const MOST_ENTRIES = 64;
const MOST_SECRETS = 16;
const LONGEST_VALUE = 4096;

/** A program by its absolute path, or by a name that is looked for in the directories of the system's programs. */
const PROGRAM = '^(?:/[^\\x00{]*|[A-Za-z0-9_][A-Za-z0-9_.+-]*)$';
/** Absolute, every name in it a name: neither `.` nor `..`, no control characters. */
const PATH = '(?:/(?!\\.{1,2}(?:/|$))[^/\\x00-\\x1f\\x7f]+)+';
/** The same for a list of paths between colons. */
const COLON_PATH = '(?:/(?!\\.{1,2}(?:[/:]|$))[^/:\\x00-\\x1f\\x7f]+)+';
/** Places in the sandbox that are its own. */
const TAKEN = '(?!/(?:proc|dev|sys|fuseward)(?:/|$))';
const GRANT = `^(?:ro|rw):(?:${TAKEN}${COLON_PATH}|${COLON_PATH}:${TAKEN}${COLON_PATH})$`;
const PORT = '(?:[1-9]\\d{0,3}|[1-5]\\d{4}|6[0-4]\\d{3}|65[0-4]\\d{2}|655[0-2]\\d|6553[0-5])';
const PEER = `^(?:[A-Za-z0-9][A-Za-z0-9.-]{0,252}|\\[[0-9A-Fa-f:.]{2,45}\\]):${PORT}$`;

/** A program and its arguments. */
export function commandLine(): Kind {
  const program = text('a program', new RegExp(PROGRAM));
  const words = listOf(text('an argument', new RegExp(ARGUMENT)), 'arguments', {least: 1, most: MOST_WORDS});
  return {
    sentence:
      "must be a list of a program's absolute path or name and its arguments, with no words in braces but {source}, {target}, {type}, {options}, {secret:NAME}, {uid}, {gid}, {server-uid}",
    schema: {...words.schema, prefixItems: [program.schema]},
    read: (value) => {
      const read = words.read(value) as string[] | undefined;
      return read !== undefined && program.read(read[0]) !== undefined ? read : undefined;
    },
  };
}

/** Variables that the launcher sets itself. */
const OWN_VARIABLES = ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES', '_FUSE_COMMFD'];

/** A table of environment variables. */
export function environment(): Kind {
  const name = `^(?!(?:${OWN_VARIABLES.join('|')})$)${VARIABLE_NAME}$`;
  return table(
    "must be a table of environment variables and their texts, none of them the launcher's own (LISTEN_FDS, _FUSE_COMMFD, …)",
    {name, value: '^[^\\x00]*$', most: MOST_ENTRIES},
  );
}

/** A table of files by the names that the command has for them. */
export function secretFiles(): Kind {
  return table('must be a table of names and absolute paths of files', {
    name: `^${VARIABLE_NAME}$`,
    value: `^${PATH}$`,
    most: MOST_SECRETS,
  });
}

function table(sentence: string, patterns: {name: string; value: string; most: number}): Kind {
  const [name, value] = [new RegExp(patterns.name), new RegExp(patterns.value)];
  return {
    sentence,
    schema: {
      type: 'object',
      maxProperties: patterns.most,
      propertyNames: {pattern: patterns.name},
      additionalProperties: {type: 'string', pattern: patterns.value, maxLength: LONGEST_VALUE},
    },
    read: (read) => {
      if (typeof read !== 'object' || read === null || Array.isArray(read) || read instanceof Date)
        return undefined;
      const entries = Object.entries(read as Record<string, unknown>);
      const fits = entries.every(
        ([key, each]) =>
          name.test(key) && typeof each === 'string' && each.length <= LONGEST_VALUE && value.test(each),
      );
      return fits && entries.length <= patterns.most ? Object.fromEntries(entries) : undefined;
    },
  };
}

/** `none`, `host`, or a list of peers. */
export function networkReach(): Kind {
  const peers = listOf(text('HOST:PORT', new RegExp(PEER)), 'HOST:PORT', {least: 1, most: MOST_ENTRIES});
  const words = ['none', 'host'];
  return {
    sentence:
      'must be "none", "host", or a list of HOST:PORT (an IPv6 address in brackets; one machine each, no range, no multicast or link-local address)',
    schema: {anyOf: [{type: 'string', enum: words}, peers.schema]},
    read: (value) => {
      if (words.includes(value as string)) return value;
      const read = peers.read(value) as string[] | undefined;
      return read?.every((peer) => parseNetworkGrant(peer) !== undefined) ? read : undefined;
    },
  };
}

/** Files and directories, `ro:/srv/keys` or `rw:/var/lib/x:/inside`. */
export function grantList(): Kind {
  const lines = listOf(text('a grant', new RegExp(GRANT)), 'grants', {least: 0, most: MOST_ENTRIES});
  return {
    sentence:
      'must be a list of "ro:/path" or "rw:/path", or with where it is to be seen "ro:/path:/place" (not in /proc, /dev, /sys, /fuseward), no place twice',
    schema: {...lines.schema},
    read: (value) => {
      const grants = (lines.read(value) as string[] | undefined)?.map(grantOf);
      return new Set(grants?.map(({place}) => place)).size === grants?.length ? grants : undefined;
    },
    write: (value) => (value as Grant[]).map(grantText),
  };
}

function grantOf(line: string): Grant {
  const [mode, path = '', place = path] = line.split(':');
  return {writable: mode === 'rw', path, place};
}

/** A grant as a policy file says it. */
export function grantText({writable, path, place}: Grant): string {
  return [writable ? 'rw' : 'ro', path, ...(place === path ? [] : [place])].join(':');
}
