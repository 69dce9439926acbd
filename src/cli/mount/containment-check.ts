import {MountError, type ServingProcess} from '../../helper/index.js';
import {lackingOf, lookAtServer, type ServerLook, sealOfUnknown} from '../../launch/index.js';
import type {ContainmentPoint} from '../../policy/index.js';
import {ERRNO} from '../../sys/errno-codes.js';

/** What is demanded of a server, and what it may have. */
interface Demand {
  readonly required: readonly ContainmentPoint[];
  readonly object: string;
  readonly callerUid: number;
  /** Policy grants it places in the network. */
  readonly network: boolean;
}

function lookAt(
  server: ServingProcess,
  {callerUid, network}: Pick<Demand, 'callerUid' | 'network'>,
): ServerLook {
  const {
    name,
    kind,
    observed,
    sourcePath,
    sourceInode,
    loopDevice,
    members,
    isForeign,
    readOnly,
    queues,
    firstFilters,
    lockDown,
  } = server;
  if (name === undefined) {
    return {containment: undefined, seal: sealOfUnknown('the kernel does not tell which process it is')};
  }
  const embedded = kind === 'embedded';
  const mount = {sourcePath, sourceInode, loopDevice, members, readOnly, queues, connection: undefined};
  const sandbox = {embedded, observed, foreign: isForeign, network, firstFilters};
  const expected = {callerUid, ...sandbox, ...mount};
  return lookAtServer(name, {...expected, reported: lockDown});
}

/**
 * Looks whether a server that is about to get a mount is held as policy demands.
 * @throws MountError `not-contained`, naming each point that it lacks
 */
export function checkContainment(
  server: ServingProcess,
  {required, object, callerUid, network}: Demand,
): void {
  if (required.length === 0) return;
  const {seal} = lookAt(server, {callerUid, network});
  const lacking = lackingOf(seal, required);
  if (lacking.length === 0) return;
  const points = lacking.map(({point, detail}) => `${point} (${detail})`).join('; ');
  const reason = `its server lacks what containment.required demands: ${points}`;
  throw new MountError({object, reason, code: 'not-contained'}, {errno: ERRNO.EPERM, details: {lacking}});
}
