import type {MountFacts} from '../policy/index.js';
import {LABEL_OPTIONS} from '../service/option-table.js';
import {ERRNO} from '../sys/errno-codes.js';
import type {Cleanup} from './cleanup.js';
import {MountError} from './errors.js';
import {subtypeOf} from './fs-type.js';
import {givenMountPoint, givenSource} from './given.js';
import {mountFacts} from './mount-facts.js';
import {type MountPoint, openMountPoint} from './mount-point.js';
import type {MountPolicy} from './mount-policy.js';
import type {MountRequest} from './mount-request.js';
import {type CallerOptions, parseOptions, refuse} from './options.js';
import {IMAGES_ONLY, openSource, type Source} from './source.js';

/** A request with its source and target looked up, which nothing was done for yet. */
export interface Examined {
  options: CallerOptions;
  /** From the caller's type; undefined where the server has to find out. */
  subtype: string | undefined;
  source: Source;
  target: MountPoint;
  facts: MountFacts;
}

/**
 * Looks at what a caller wants mounted: its options, its source and its target, each once. This is all that policy decides on.
 *
 * @param cleanup closes both descriptors at the end
 * @throws MountError `bad-option`, `bad-type`, `source-*`, `target-*`
 */
export function examine(request: MountRequest, policy: MountPolicy, cleanup: Cleanup): Examined {
  // What a user opened for reading is all there will be to write to.
  const texts = request.given === undefined ? request.options : [...request.options, 'ro'];
  const options = parseOptions(texts, policy);
  if (request.callerUid !== 0) refuseRootsOwn(options);
  const subtype = request.type === undefined ? undefined : subtypeOf(request.type);
  const {source, target} = lookUp(request, policy, cleanup);
  checkDifferent(source, target);
  const facts = mountFacts(callerOf(request), {source, target}, {readOnly: options.readOnly, texts});
  return {options, subtype, source, target, facts};
}

/**
 * Who may give files a label is the security module's to say, and it would take root's word here. Members are opened by root; which
 * ones a user may have is for a rule of policy to say.
 */
function refuseRootsOwn({fuse, driver}: CallerOptions): void {
  const label = fuse.find(({key}) => LABEL_OPTIONS.has(key));
  if (label !== undefined) refuse(label, 'only root may set it', ERRNO.EPERM);
  const member = driver.find(({key}) => key === 'member');
  if (member !== undefined)
    refuse(member, 'only root may name members; a policy rule lists those of others', ERRNO.EPERM);
}

/** Source and target, looked up once; everything later goes through their descriptors. */
function lookUp(
  request: MountRequest,
  {sourceKinds = IMAGES_ONLY}: MountPolicy,
  cleanup: Cleanup,
): {source: Source; target: MountPoint} {
  const {given} = request;
  if (given === undefined) {
    const source = openSource(request.source, sourceKinds);
    if (source.kind !== 'name') cleanup.closing('close source', source.fd);
    const target = openMountPoint(request.target);
    cleanup.always('close target', () => target.fd.close());
    return {source, target};
  }
  cleanup.closing('close source', given.source);
  cleanup.closing('close target', given.target);
  return {
    source: givenSource(request.source, given.source, {
      directory: sourceKinds.directory,
      callerUid: request.callerUid,
    }),
    target: givenMountPoint(request.target, given.target, callerOf(request)),
  };
}

function callerOf({
  callerUid: uid,
  callerGid: gid,
  callerGroups: groups,
}: MountRequest): MountFacts['caller'] {
  return {uid, gid, groups};
}

function checkDifferent(source: Source, target: MountPoint): void {
  if (source.kind === 'name' || source.dev !== target.dev || source.ino !== target.ino) return;
  throw new MountError(
    {verb: 'mount on', object: target.name, reason: 'it is the source itself', code: 'target-kind'},
    {errno: ERRNO.EINVAL},
  );
}
