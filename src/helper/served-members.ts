import {type MemberRule, matchesPath, memberProblem} from '../policy/index.js';
import type {OpenRequest} from '../service/file.js';
import {foreignText} from '../service/foreign-text.js';
import type {Log} from '../service/log.js';
import {Errno, errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import type {OwnedFd} from '../sys/fd.js';
import {loopDevicesOf} from '../sys/loop.js';
import {eventually} from './cleanup.js';
import {MountError} from './errors.js';
import {callersPattern, denied, isSameSource, memberPath, openMember} from './member-source.js';
import {sourceFacts} from './mount-facts.js';
import type {MountPolicy} from './mount-policy.js';
import {ServedSource} from './served-source.js';
import {busy, type OpenedSource, type Source} from './source.js';

/** Further sources of one mount at most. */
export const MOST_MEMBERS = 16;
/** Refused files that are logged; more of them only show a server's bad will. */
const MOST_LOGGED = 16;
const NOT_LISTED = 'neither a policy rule (members) nor the caller (-o member=) lists it';
/** How long the kernel may take to let go of an image file, ms. */
const RELEASE_MS = 2000;

/** A further source that the server has. */
export interface ServedMember {
  /** Absolute and without symbolic links. */
  readonly path: string;
  readonly loopDevice?: string;
}

/**
 * The further sources that the file system in a source names, as the server gets them: read-only, each opened once, and only what the
 * rule or the caller lists. Names come from an image that nobody has checked, so nothing is touched before its path was
 * compared, and then it is treated as a source is: kind, owner, size, lock, and a loop device where iomap needs one.
 */
export class ServedMembers {
  readonly #source: Source;
  readonly #policy: MountPolicy;
  readonly #iomapApproved: boolean;
  readonly #listed: readonly string[];
  readonly #log: Log;
  #rule: MemberRule | undefined;
  readonly #members = new Map<string, {source: OpenedSource; served: ServedSource}>();
  #refused = 0;

  /**
   * @param opts.listed what the caller lists, `-o member=`
   * @param opts.rule what policy says; undefined: it lists none, and nothing holds for what the caller lists
   */
  constructor(
    source: Source,
    opts: {
      policy: MountPolicy;
      iomapApproved: boolean;
      listed: readonly string[];
      rule: MemberRule | undefined;
    },
    {log}: {log: Log},
  ) {
    this.#source = source;
    this.#policy = {...opts.policy, loop: loopOf(opts.policy, source)};
    this.#iomapApproved = opts.iomapApproved;
    this.#listed = opts.listed.map((pattern) => callersPattern(pattern, source));
    this.#rule = opts.rule;
    this.#log = log;
  }

  /** What the server has got. */
  get all(): ServedMember[] {
    return [...this.#members].map(
      ([
        path,
        {
          served: {loopDevice},
        },
      ]) => (loopDevice === undefined ? {path} : {path, loopDevice}),
    );
  }

  /**
   * OPEN of anything but the source.
   * @throws MountError `member-denied` (EACCES), `source-busy`, `source-kind`, `source-missing`, `source-unreadable`; Errno EMFILE one too
   * many, EROFS writing, EINVAL
   */
  openFile(request: OpenRequest): OwnedFd {
    return this.#serve(request, (served) => served.openFile(request));
  }

  /** BDEV of anything but the source. @throws as `openFile`; Errno ENOTBLK for a file */
  openBlockDevice(request: OpenRequest): OwnedFd {
    return this.#serve(request, (served) => served.openBlockDevice(request));
  }

  /** Goes by another rule from now on, that of a type found out. @throws MountError `policy-denied` for what the server has against it */
  changeRule(rule: MemberRule | undefined): void {
    this.#rule = rule;
    for (const {source} of this.#members.values()) {
      const problem = this.#problem(source);
      if (problem === undefined) continue;
      throw new MountError(
        {object: source.name, reason: `policy denies it: ${problem}`, code: 'policy-denied'},
        {errno: ERRNO.EPERM},
      );
    }
  }

  /** Closes what the helper still holds. */
  close(): void {
    for (const {source, served} of this.#members.values()) {
      served.close();
      source.fd.close();
    }
  }

  /** Undoes: waits until every loop device is gone. */
  async abandon(): Promise<void> {
    const left = [...this.#members.values()].filter(({served}) => served.abandon());
    const isFree = ({source: {dev, ino}}: {source: OpenedSource}): boolean =>
      loopDevicesOf(dev, ino).length === 0;
    if (!(await eventually(() => left.every(isFree), RELEASE_MS))) {
      throw new Error('a member still has a loop device');
    }
  }

  #serve(request: OpenRequest, open: (served: ServedSource) => OwnedFd): OwnedFd {
    const path = memberPath(request.path, this.#source);
    const known = this.#members.get(path);
    if (known !== undefined) return open(known.served);
    try {
      return this.#first(path, request.path, open);
    } catch (error) {
      if (errnoOf(error) === ERRNO.EACCES) this.#logRefused(request.path, error);
      throw error;
    }
  }

  #first(path: string, asked: string, open: (served: ServedSource) => OwnedFd): OwnedFd {
    if (!this.#isListed(path)) {
      throw denied(asked, `its server asks for it, and ${NOT_LISTED}`);
    }
    if (this.#members.size === MOST_MEMBERS) throw new Errno('EMFILE', 'open', foreignText(asked, 200));
    const source = openMember(path, asked, this.#source);
    const served = new ServedSource(
      source,
      {policy: this.#policy, readOnly: true, iomapApproved: this.#iomapApproved},
      {log: this.#log},
    );
    try {
      this.#check(source, asked);
      const fd = openOrBusy(source, () => open(served));
      this.#members.set(path, {source, served});
      return fd;
    } catch (error) {
      served.abandon();
      source.fd.close();
      throw error;
    }
  }

  #isListed(path: string): boolean {
    const patterns = [...this.#listed, ...(this.#rule?.patterns ?? [])];
    return patterns.some((pattern) => matchesPath(pattern, path));
  }

  #check(source: OpenedSource, asked: string): void {
    const problem = this.#problem(source);
    if (problem !== undefined) throw denied(asked, problem);
    const others = [this.#source, ...[...this.#members.values()].map((member) => member.source)];
    if (!others.some((other) => isSameSource(other, source))) return;
    const reason = 'it is the source itself, or another member under a second name';
    throw new MountError({object: source.name, reason, code: 'member-denied'}, {errno: ERRNO.EINVAL});
  }

  #problem(source: OpenedSource): string | undefined {
    return this.#rule === undefined
      ? undefined
      : memberProblem(this.#rule, sourceFacts(source), this.#listed);
  }

  #logRefused(asked: string, error: unknown): void {
    this.#refused++;
    if (this.#refused > MOST_LOGGED) return;
    const path = foreignText(asked, 200);
    const reason = error instanceof Error ? foreignText(error.message, 300) : '';
    this.#log.warn({path, reason}, 'the server asked for a file that it may not have');
  }
}

/**
 * Nobody looks for a file system on a member, so it needs no device but for iomap. The files of an ordinary user get none: it would show
 * them to udev and the desktop as disks.
 */
function loopOf({loop}: MountPolicy, source: Source): MountPolicy['loop'] {
  if (source.kind !== 'name' && source.given) return 'never';
  return loop === 'always' ? 'auto' : loop;
}

/** A member that somebody else uses is told by its name; the server may ask again. */
function openOrBusy(source: Source, open: () => OwnedFd): OwnedFd {
  try {
    return open();
  } catch (error) {
    throw errnoOf(error) === ERRNO.EBUSY ? busy(source.name) : error;
  }
}
