import {posix} from 'node:path';
import {type Grant, grantText, type ServerPolicy} from '../../policy/index.js';
import {foreignText} from '../../service/foreign-text.js';

/** What a program sees without any grant. */
const SEEN = /^\/(?:usr|bin|sbin|lib\w*|proc|dev|sys|fuseward)(?:\/|$)/;
const PATH = '(\\/[^\\s\'"`,;:()<>]{1,200})';
const ABSENT = '(?:No such file or directory|Directory nonexistent|Permission denied|ENOENT|EACCES)';
const READ_ONLY = '(?:Read-only file system|EROFS)';
/** As C programs, Go and Python say it: the path before the reason, or behind it. Go has no capitals. */
const complaints = (reason: string): RegExp[] => [
  new RegExp(`${PATH}[^/]{0,60}?${reason}`, 'i'),
  new RegExp(`${reason}[^/]{0,60}?${PATH}`, 'i'),
];
const NOT_THERE = complaints(ABSENT);
const NOT_TO_WRITE = complaints(READ_ONLY);

/**
 * What programs say who look for somebody in a network that is not there, or at a port that they may not reach: landlock answers EACCES,
 * and where only the relay listens nobody else does.
 */
const UNREACHABLE =
  /network is unreachable|address family not supported|could not resolve|name or service not known|temporary failure in name resolution|no such host|no route to host|\bconnect(?:ion)?\b.*(?:permission denied|refused|not permitted)/i;

/** What a command has, and where that is written. */
interface Has {
  readonly grants: readonly Grant[];
  readonly network: ServerPolicy['network'];
  readonly file: string;
}

/**
 * A line of policy that would let a command have what it says it can't open, write to or reach. These are the words of the program, which an image may
 * have put into its mouth, so it is for the administrator to judge.
 *
 * @param words what it said, line by line
 * @returns undefined where it says nothing of the kind
 */
export function grantHint(words: readonly string[], has: Has): string | undefined {
  const {network} = has;
  if (network !== 'host' && words.some((line) => UNREACHABLE.test(line))) {
    const present = network === 'none' ? [] : network;
    const what = present.length === 0 ? 'no network' : `nothing of the network but ${present.join(', ')}`;
    return `it is granted ${what}; if there should be more: [server] network = ${list([...present, 'host:port'])} in ${has.file}`;
  }
  for (const line of words) {
    const hint = hintOf(line, has);
    if (hint !== undefined) return hint;
  }
  return undefined;
}

function hintOf(line: string, {grants, file}: Has): string | undefined {
  for (const path of pathsIn(line, NOT_TO_WRITE)) {
    const above = grants.find((grant) => !grant.writable && isIn(path, grant.place));
    if (above === undefined) continue;
    const changed = grants.map((each) => grantText(each === above ? {...each, writable: true} : each));
    return `it may only read ${foreignText(above.place, 200)}; if it should write there: [server] grants = ${list(changed)} in ${file}`;
  }
  for (const path of [...pathsIn(line, NOT_THERE), ...pathsIn(line, NOT_TO_WRITE)]) {
    if (path === '/' || SEEN.test(path) || grants.some(({place}) => isIn(path, place))) continue;
    const mode = NOT_TO_WRITE.some((complaint) => complaint.test(line)) ? 'rw' : 'ro';
    const name = foreignText(path, 200);
    const more = list([...grants.map(grantText), `${mode}:${name}`]);
    return `it is not granted ${name}; if it should be: [server] grants = ${more} in ${file}`;
  }
  return undefined;
}

function pathsIn(line: string, among: readonly RegExp[]): string[] {
  return among.flatMap((complaint) => {
    const path = complaint.exec(line)?.[1]?.replace(/[.]+$/, '');
    // As a grant may be written: no double slashes, none at the end.
    return path === undefined ? [] : [posix.normalize(path).replace(/(?<=.)\/$/, '')];
  });
}

function isIn(path: string, place: string): boolean {
  return path === place || path.startsWith(`${place}/`);
}

/** A list as a policy file has it: all of it, because a key says the whole. */
function list(values: readonly string[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(', ')}]`;
}
