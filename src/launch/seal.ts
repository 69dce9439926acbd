import {CONTAINMENT_POINTS, type ContainmentPoint} from '../policy/index.js';
import {type Containment, containmentOf} from './containment.js';
import type {MountRecord} from './mount-record.js';
import type {ProcessUsers} from './process-users.js';
import {type Expected, JUDGES} from './seal-judges.js';

/**
 * How much is known of one point: `verified` by the kernel's word, `reported` by the server's own and by nobody else's, or
 * `missing`: it is not so, or nobody knows.
 */
export type SealState = 'verified' | 'reported' | 'missing';

/** One point of a server's containment, and what is known of it. */
export interface SealPoint {
  readonly point: ContainmentPoint;
  readonly state: SealState;
  /** A sentence for people: what was found, or what is lacking. */
  readonly detail: string;
  /** Where that comes from. */
  readonly source: string;
}

/** Every point, in the order of `CONTAINMENT_POINTS`. */
export type Seal = readonly SealPoint[];

/** Judges a look at a server. */
export function sealOf(containment: Containment, expected: Expected): Seal {
  return CONTAINMENT_POINTS.map((point) => ({point, ...JUDGES[point](containment, expected)}));
}

/** The seal of a server that nobody could look at. @param reason ends a sentence: `its process is not known` */
export function sealOfUnknown(reason: string): Seal {
  return CONTAINMENT_POINTS.map((point) => ({point, state: 'missing', detail: reason, source: 'nothing'}));
}

/** Those of the wanted points that a seal lacks. What the server itself reports does not lack. */
export function lackingOf(seal: Seal, wanted: readonly ContainmentPoint[]): SealPoint[] {
  return seal.filter(({point, state}) => state === 'missing' && wanted.includes(point));
}

/** The seal in a line: `7 of 9 points verified, landlock reported by the server; cgroup missing: it has no memory limit`. */
export function sealLine(seal: Seal): string {
  const by = (wanted: SealState): SealPoint[] => seal.filter(({state}) => state === wanted);
  const reported = by('reported').map(({point}) => point);
  const word = reported.length === 0 ? '' : `, ${reported.join(' and ')} reported by the server`;
  const missing = by('missing');
  const first = `${by('verified').length} of ${seal.length} points verified${word}`;
  if (missing.length === 0) return first;
  // A server that nobody looked at lacks everything for the same reason.
  const details = new Set(missing.map(({detail}) => detail));
  if (missing.length > 1 && details.size === 1) return `${first}; all others missing: ${missing[0]?.detail}`;
  return [first, ...missing.map(({point, detail}) => `${point} missing: ${detail}`)].join('; ');
}

/** What is expected of the server of a mount that was made before. @param record undefined for a mount that is not ours */
export function expectedOf(
  record: MountRecord | undefined,
  {connection, readOnly}: {connection: number; readOnly: boolean},
): Expected {
  return {
    callerUid: record?.callerUid,
    embedded: record?.kind === 'embedded',
    observed: record?.observer !== undefined,
    foreign: record?.foreign ?? false,
    network: record?.network,
    // Records of earlier versions have the caller's own spelling alone.
    sourcePath: record?.sourcePath ?? record?.source,
    sourceInode: record?.sourceInode,
    loopDevice: record?.loopDevice,
    members: record?.members,
    readOnly: record?.readOnly ?? readOnly,
    queues: record?.queues,
    firstFilters: record?.firstFilters,
    connection,
    reported: record?.reported,
  };
}

/** A look at a server: what was seen, undefined when it could not be looked at, and what is judged of it. */
export interface ServerLook {
  readonly containment: Containment | undefined;
  readonly seal: Seal;
}

/** Threads and descriptors come and go while they are looked at, and a look that such a moment spoils is tried again. */
const MOST_TRIES = 3;

/**
 * Looks at a server by its process's id and start, and judges. One that is gone lacks everything.
 * @param users as for `containmentOf`
 */
export function lookAtServer(
  {pid, start}: {readonly pid: number; readonly start: string},
  expected: Expected,
  users?: () => ProcessUsers,
): ServerLook {
  for (let tries = 1; ; tries++) {
    try {
      const containment = containmentOf(pid, users);
      if (containment.start === start) return {containment, seal: sealOf(containment, expected)};
      return {containment: undefined, seal: sealOfUnknown('its process is gone')};
    } catch (error) {
      if (tries < MOST_TRIES) continue;
      const reason = error instanceof Error ? error.message : String(error);
      return {containment: undefined, seal: sealOfUnknown(`its process can't be looked at: ${reason}`)};
    }
  }
}
