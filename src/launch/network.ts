import {setTimeout as sleep} from 'node:timers/promises';
import {RELAY_READY, type RelayListener, type RelayPlan} from '../control/relay-plan.js';
import type {ServerPolicy} from '../policy/index.js';
import {type NetworkGrant, parseNetworkGrant} from '../policy/network-grant.js';
import {Errno} from '../sys/errno.js';
import {closeAll, O_RDONLY, type OwnedFd, openFd, sameFile} from '../sys/fd.js';
import {addLoopbackAddress, isLoopbackUp} from '../sys/loopback.js';
import {receivePacket} from '../sys/message.js';
import {listenAt, socketsIn} from '../sys/network-namespace.js';
import {openPidfd} from '../sys/pidfd.js';
import {waitReadable} from '../sys/poll.js';
import {processState} from '../sys/process.js';
import {openSystemLog} from '../sys/syslog.js';
import {launchContained} from './embedded.js';
import type {EmbeddedServer} from './embedded-server.js';
import {findOutside, nameServers, placesOf} from './network-names.js';

/** Connections that wait for the relay to take them, of each listening socket. */
const BACKLOG = 128;
const STEP_MS = 3;
const DEFAULT_PATIENCE_MS = 10_000;
/** Descriptors of a relay: two a connection, and the few that it has anyway. */
const RELAY_OPEN_FILES = 2 * 1024 + 128;
/** A relay holds two reads and two writes of 64 KiB for each connection at most, and the runtime. */
const RELAY_MEMORY = 2 ** 29;

/** The places that policy lists. @throws Error for one that is none */
export function grantsOf(places: readonly string[]): NetworkGrant[] {
  return places.map((place) => {
    const grant = parseNetworkGrant(place);
    if (grant === undefined) throw new Error(`can't grant a connection to ${place}: it is no HOST:PORT`);
    return grant;
  });
}

/** Why a sandbox can't have the places of the network that policy lists. */
export class NetworkError extends Error {}

/** A process in a sandbox that has a network namespace of its own. */
export interface SandboxProcess {
  /** Its first process, in this machine's numbers. */
  readonly pid: number;
  /** The user id that it alone runs under. */
  readonly uid: number;
}

/** A sandbox's first process and its network namespace, both held, so that neither can become another's. */
interface HeldSandbox {
  readonly process: OwnedFd;
  readonly namespace: OwnedFd;
}

/** Takes hold of them. A process id may be somebody else's by now: the user id is the sandbox's alone. */
function holdSandbox({pid, uid}: SandboxProcess): HeldSandbox {
  const process = openPidfd(pid);
  let namespace: OwnedFd | undefined;
  try {
    namespace = openFd(`/proc/${pid}/ns/net`, O_RDONLY);
    using ours = openFd('/proc/self/ns/net', O_RDONLY);
    const isIts = processState(pid).uids.every((each) => each === uid) && !waitReadable(process.fd, 0);
    if (!isIts) throw new Errno('ESRCH', 'hold', `process ${pid}`);
    if (sameFile(namespace.fd, ours.fd))
      throw new Errno('EINVAL', 'hold', `process ${pid}, which is in this machine's network`);
    return {process, namespace};
  } catch (error) {
    closeAll([process, namespace]);
    throw error;
  }
}

/** bubblewrap gives its namespace the loopback interface; before that there is no address to listen on. */
async function untilLoopback(datagram: OwnedFd, process: OwnedFd, patienceMs: number): Promise<void> {
  for (const end = performance.now() + patienceMs; !isLoopbackUp(datagram.fd); await sleep(STEP_MS)) {
    if (waitReadable(process.fd, 0)) throw new Error('the sandbox has ended');
    if (performance.now() > end) throw new Errno('ETIMEDOUT', 'wait', 'loopback interface of the sandbox');
  }
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

/** Listening sockets in the sandbox, one for each address and port. */
async function listenInside(
  {process, namespace}: HeldSandbox,
  pairs: ReadonlyArray<{readonly address: string; readonly port: number}>,
  patienceMs: number,
): Promise<OwnedFd[]> {
  const addresses = pairs.map(({address}) => address);
  const {datagram, route, streams} = socketsIn(namespace.fd, addresses);
  try {
    await untilLoopback(datagram, process, patienceMs);
    for (const address of new Set(addresses)) {
      if (!isLoopback(address)) addLoopbackAddress(route.fd, address);
    }
    pairs.forEach(({address, port}, index) => {
      listenAt(streams[index]!.fd, address, port, BACKLOG);
    });
    return [...streams];
  } catch (error) {
    closeAll(streams);
    throw error;
  } finally {
    closeAll([datagram, route]);
  }
}

/** Waits for a relay's word that it is locked down and serves. @throws Error with what it wrote */
async function untilReady(relay: EmbeddedServer, patienceMs: number): Promise<void> {
  for (const end = performance.now() + patienceMs; !waitReadable(relay.socket.fd, 0); await sleep(STEP_MS)) {
    if (performance.now() > end) throw new Error(`the relay does not start: ${relay.readLog()}`);
  }
  const word = new Uint8Array(16);
  const {length} = receivePacket(relay.socket.fd, word);
  if (Buffer.from(word.subarray(0, length)).toString() !== RELAY_READY)
    throw new Error(`the relay does not start: ${relay.readLog()}`);
}

/**
 * Lets a sandbox reach exactly these places of the network. Its program is to wait meanwhile (bubblewrap's `--block-fd`), and to be shown
 * `networkFiles` of the same grants; nothing of what runs in the sandbox is asked anything.
 *
 * A relay in a sandbox of its own takes connections from sockets that listen in the sandbox's namespace and makes one of its own for each, to
 * the place that the socket is for. It ends when the sandbox's first process does.
 *
 * @param end a descriptor that can be read from once nothing of the sandbox is left; its first process's own where that is the last to go
 * @returns the relay, of which the caller has to know nothing but how to end it if the mount fails
 * @throws NetworkError; nothing runs then
 */
export async function grantNetwork(
  sandbox: SandboxProcess,
  grants: readonly NetworkGrant[],
  {policy, end, patienceMs = DEFAULT_PATIENCE_MS}: {policy: ServerPolicy; end?: OwnedFd; patienceMs?: number},
): Promise<EmbeddedServer> {
  const places = placesOf(grants);
  const pairs = places.flatMap(({grant, inside}) => {
    return inside.map((address) => ({grant, address, port: grant.port}));
  });
  const held = holdSandbox(sandbox);
  let listeners: OwnedFd[] = [];
  const systemLog = openSystemLog();
  let relay: EmbeddedServer | undefined;
  try {
    listeners = await listenInside(held, pairs, patienceMs);
    const hosts = new Map<string, ReturnType<typeof findOutside>>();
    for (const {grant} of pairs) if (!hosts.has(grant.host)) hosts.set(grant.host, findOutside(grant));
    const found = await Promise.all(pairs.map(({grant}) => hosts.get(grant.host)!));
    relay = launchContained(
      'relay',
      (fds) => {
        const plan: RelayPlan = {
          watch: fds.lend(end ?? held.process),
          listeners: pairs.map(({grant: {host, port}}, index): RelayListener => {
            return {fd: fds.lend(listeners[index]!), host, port, ...found[index]!};
          }),
          nameServers: nameServers(),
          ...(systemLog === undefined ? {} : {log: fds.lend(systemLog)}),
        };
        return [JSON.stringify(plan)];
      },
      {...policy, memoryBytes: RELAY_MEMORY},
      {inNetwork: true, openFiles: RELAY_OPEN_FILES},
    );
    await untilReady(relay, patienceMs);
    relay.unwatch();
    relay.socket.close();
    return relay;
  } catch (error) {
    relay?.kill();
    relay?.socket.close();
    relay?.close();
    throw new NetworkError(error instanceof Error ? error.message : String(error), {cause: error});
  } finally {
    closeAll([held.process, held.namespace, ...listeners, systemLog]);
  }
}
