import {encodeArguments} from '../service/arguments.js';
import {Deadline} from '../service/deadline.js';
import {HelperConversation, type Welcome} from '../service/helper-conversation.js';
import {type Log, silent} from '../service/log.js';
import {joinOptions} from '../service/option-text.js';
import {ProtocolError} from '../service/protocol-error.js';
import {errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import {loopDevicesOf} from '../sys/loop.js';
import {createMemfd} from '../sys/memfd.js';
import {MS_RDONLY} from '../sys/mount-flags.js';
import {connectionOf} from '../sys/mount-info.js';
import {Cleanup, eventually} from './cleanup.js';
import {connectServer, lastWords, type ServerNeeds} from './connection.js';
import {ControlChannel} from './control-channel.js';
import {ControlSocket} from './control-socket.js';
import {authorize} from './decision.js';
import {errnoWords, MountError} from './errors.js';
import {examine} from './examine.js';
import {brokenConversation, explain, kernelRefusal, serverLogOf} from './failure.js';
import {firstStat} from './first-stat.js';
import {askForIomap, openFuseDevice, withoutIomap} from './fuse-device.js';
import {attach, type KernelMount, removeMount} from './kernel-mount.js';
import type {MountPoint} from './mount-point.js';
import type {MountPolicy} from './mount-policy.js';
import type {MountDependencies, MountRequest, MountResult} from './mount-request.js';
import {Observer} from './observer.js';
import {type CallerOptions, withForced} from './options.js';
import {kernelHasQueues} from './queues.js';
import {setReadAhead} from './read-ahead.js';
import {ServedMembers} from './served-members.js';
import {ServedSource, type Serving} from './served-source.js';
import {ServerRequests} from './server-requests.js';
import {isStill, type ProcessName, processName, servingProcess} from './serving-process.js';
import {type Source, waitUntilFree} from './source.js';
import {UnservedSource} from './unserved-source.js';

/** How long the kernel may take to let go of an image file. */
const RELEASE_MS = 2000;
/** What stands for the subtype in the arguments of a server that has to find out. */
const UNKNOWN_TYPE = 'auto';

/**
 * Mounts a source through a contained server and returns when a first stat of the mount has worked.
 *
 * | step | fails with |
 * | --- | --- |
 * | the deadline starts; check the caller, its options and the type | `not-root`, `bad-option`, `bad-type` |
 * | look up source and target, once | `source-*`, `target-*` |
 * | ask policy | `policy-denied` |
 * | open /dev/fuse, ask for iomap | `no-fuse`, `no-iomap` |
 * | start the relay, where policy wants one | `observe` |
 * | connect | `no-driver` (exit code 2), `connect` |
 * | the conversation: the server opens its file and has the mount made, attached nowhere yet | `conversation`, `server-refused`, `server-died`, `kernel`, `source-busy` |
 * | stat the new mount | `server-died`, `deadline` |
 * | look whether the server is held as policy demands | `not-contained` |
 * | attach it to the target | `target-busy`, `kernel` |
 * | note what was mounted | `record` |
 *
 * The process is root with all its capabilities throughout; it never reads a byte of the image.
 *
 * @throws MountError with everything undone: no mount, no loop device, no server that we started, no descriptor
 */
export async function mount(request: MountRequest, deps: MountDependencies): Promise<MountResult> {
  const log = deps.log ?? silent;
  const cleanup = new Cleanup(log);
  let failed = true;
  try {
    const result = await perform(request, deps, {cleanup, log});
    failed = false;
    return result;
  } catch (error) {
    if (error instanceof MountError) throw error;
    const reason = errnoWords(errnoOf(error));
    throw new MountError(
      {object: objectOf(request), reason, code: 'kernel'},
      {errno: errnoOf(error), cause: error},
    );
  } finally {
    await cleanup.run(failed);
  }
}

function objectOf({source, target}: MountRequest): string {
  return `${source} on ${target}`;
}

async function perform(
  request: MountRequest,
  deps: MountDependencies,
  {cleanup, log}: {cleanup: Cleanup; log: Log},
): Promise<MountResult> {
  const {policy} = deps;
  const object = objectOf(request);
  checkCaller(request);
  const deadline = new Deadline(policy.deadlineMs);
  const examined = examine(request, policy, cleanup);
  const {subtype, source, target, facts} = examined;
  let decision = authorize(object, facts, (all) => deps.decide(all));
  const options = withForced(examined.options, decision.forced);
  await waitUntilFree(source);
  const fuseDevice = cleanup.closing('close fuse', openFuseDevice(deps.fuseDevice ?? '/dev/fuse', object));
  const observed = deps.observe !== undefined;
  const iomap = observed ? withoutIomap(policy, object) : askForIomap(fuseDevice, policy, {source, object});
  const served = cleanup.closing(
    'close image',
    serving(source, {policy, readOnly: options.readOnly, iomapApproved: iomap === 'approved'}, log),
  );
  cleanup.onFailure('free loop device', () => freeLoopDevice(served, source));
  const members = cleanup.closing(
    'close members',
    new ServedMembers(
      source,
      {policy, iomapApproved: iomap === 'approved', listed: options.members, rule: decision.members},
      {log},
    ),
  );
  cleanup.onFailure('free loop devices of members', () => members.abandon());
  const control = cleanup.closing('close control channel', new ControlChannel());

  const controlSocket =
    deps.controlDirectory === undefined ? undefined : new ControlSocket(deps.controlDirectory);
  cleanup.onFailure('remove control socket', () => controlSocket?.remove());

  const observer =
    deps.observe === undefined
      ? undefined
      : Observer.start(object, deps.observe, {fuseDevice, controlSocket, cleanup});
  const needs = needsOf(request, {source, target, readOnly: options.readOnly});
  const connection = await connectServer(object, subtype, () => deps.connect(subtype, needs), {
    cleanup,
    deadline,
  });
  const isForeign = connection.server?.isForeign ?? connection.unit !== undefined;
  let first: ProcessName | undefined;
  const requests = new ServerRequests(
    {
      source,
      served,
      members,
      target,
      fuseDevice,
      iomap,
      options,
      policy,
      subtype,
      checkDetected: (detected) => {
        const judge = deps.checkDetected;
        if (judge === undefined) return;
        decision = authorize(object, facts, (all) => judge(detected, all));
        members.changeRule(decision.members);
      },
      callerUid: request.callerUid,
      callerGid: request.callerGid,
      // A relay answers managers in the server's place.
      controlSocket: observed ? undefined : controlSocket,
      // A relay's server has no device to make queues for.
      queues: !observed && policy.transport === 'io_uring' && kernelHasQueues(),
      onSource: () => {
        if (first !== undefined && !isForeign && conversation.extended) deps.asking?.(first);
      },
      onMounted: (type) => observer?.begin(type),
    },
    {control},
  );
  const conversation = new HelperConversation(
    {socket: connection.socket, deadline, ended: connection.server?.exited},
    {actions: requests, log},
  );
  using argv = createMemfd('fuse service argv', encodeArguments(serverArguments(request, subtype, options)), {
    seal: true,
  });
  await observer?.ready(deadline);
  try {
    await conversation.greet({
      ...welcomeFor(policy, request.callerUid),
      greeted: connection.greeted,
      argv,
      fuseDevice: observer?.serverEnd ?? fuseDevice,
    });
    observer?.serverEnd.close();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw brokenConversation(object, error, serverLogOf(await lastWords(connection)));
  }
  // A sandbox of our own has everything already.
  if (connection.unit !== undefined) {
    requests.give(await connection.unit.furnish({pid: conversation.serverPid, uid: conversation.serverUid}));
  }
  // Noted while it certainly runs: should its id be another's later, the start tells.
  first = processName(connection.server?.pid ?? conversation.serverPid);
  cleanup.onFailure('unmount', () => abandonMount(requests.mounted, target));
  const outcome = await conversation.run();
  const mounted = requests.mounted;
  if (outcome.ended !== 'goodbye' || outcome.exitCode !== 0 || mounted === undefined) {
    throw explain({
      object,
      source: source.name,
      outcome,
      problem: requests.problem,
      memberProblem: requests.memberProblem,
      failure: control.failure,
      detectedType: control.detectedType,
      serverLog: await lastWords(connection),
    });
  }
  connection.socket.close();
  connection.server?.unwatch?.();
  const caller = {uid: request.callerUid, gid: request.callerGid};
  await firstStat(mounted, {object, target, deadline, connection, caller, log});
  if (controlSocket?.path !== undefined)
    deps.serving?.({controlSocket: controlSocket.path, ...(isForeign ? {} : first)});
  connection.server?.settle?.();
  connection.unit?.settle();
  const readOnly = (requests.flags & MS_RDONLY) !== 0;
  const server = isForeign
    ? await servingProcess(connection, mounted, {adapter: conversation.serverPid, observed})
    : first;
  const name = isStill(server) ? server : undefined;
  const sourceInode = source.kind === 'file' ? String(source.ino) : undefined;
  // Once, so that what is judged is what is told.
  const {blockSize, lockDown} = control;
  const firstFilters = connection.server?.firstFilters ?? 0;
  deps.checkServer?.({
    name,
    kind: connection.kind,
    observed,
    sourcePath: source.path,
    sourceInode,
    loopDevice: served.loopDevice,
    members: members.all,
    readOnly,
    queues: requests.gaveQueues,
    firstFilters,
    isForeign,
    lockDown,
  });
  const entry = attachOrExplain(mounted, target, object);
  const result: MountResult = {
    mountId: entry.id,
    connectionId: connectionOf(entry),
    target: entry.target,
    source: request.source,
    sourcePath: source.path,
    ...(sourceInode === undefined ? {} : {sourceInode}),
    type: entry.fsType,
    subtype: requests.subtype,
    ...(served.loopDevice === undefined ? {} : {loopDevice: served.loopDevice}),
    ...(members.all.length === 0 ? {} : {members: members.all}),
    ...(blockSize === undefined ? {} : {blockSize}),
    iomap,
    ...(requests.gaveQueues ? {queues: true} : {}),
    ...(firstFilters === 0 ? {} : {firstFilters}),
    ...(lockDown === undefined ? {} : {lockDown}),
    readOnly,
    ...(name === undefined ? {} : {serverPid: name.pid, serverStart: name.start}),
    kind: connection.kind,
    ...(observer?.name === undefined ? {} : {observer: observer.name}),
    ...(isForeign ? {foreign: true} : {}),
    ...(connection.server?.isForeign === true && first !== undefined ? {sandbox: first} : {}),
    ...(connection.unit?.place === undefined ? {} : {unit: connection.unit.place}),
    ...(controlSocket?.path === undefined ? {} : {controlSocket: controlSocket.path}),
    ...(decision.origin === undefined ? {} : {rule: decision.origin}),
  };
  keepRecord(result, object, deps);
  mounted.root.close();
  // A fuseblk mount reads ahead as its device does.
  if (entry.major === 0) readAhead(entry.minor, policy, log);
  if (conversation.extended) deps.keepControl?.(control.dup());
  return result;
}

/** What a server is told with the hello. */
export function welcomeFor({allowOther, fuseblk}: MountPolicy, callerUid: number): Welcome {
  return {allowOther, fuseblk: fuseblk && callerUid === 0};
}

/** Root names what is to be mounted; anybody else must have opened it himself. */
function checkCaller(request: MountRequest): void {
  const {callerUid, given} = request;
  if ((callerUid === 0 || given !== undefined) && process.geteuid?.() === 0) return;
  throw new MountError(
    {object: objectOf(request), reason: 'only root may mount', code: 'not-root'},
    {errno: ERRNO.EPERM},
  );
}

/** What the server sees of our command line: no `-t`, no options that mean nothing to it. */
function serverArguments(
  request: MountRequest,
  subtype: string | undefined,
  options: CallerOptions,
): string[] {
  const text = joinOptions(options.forwarded);
  return [subtype ?? UNKNOWN_TYPE, request.source, request.target, ...(text === '' ? [] : ['-o', text])];
}

/** Files and devices are given to the server as descriptors; directories and names are not. */
function serving(source: Source, opts: ConstructorParameters<typeof ServedSource>[1], log: Log): Serving {
  if (source.kind === 'directory' || source.kind === 'name') return new UnservedSource(source.name);
  return new ServedSource(source, opts, {log});
}

function needsOf(
  {callerUid, callerGid}: MountRequest,
  {source, target, readOnly}: {source: Source; target: MountPoint; readOnly: boolean},
): ServerNeeds {
  return {source, readOnly, callerUid, callerGid, target: target.isDirectory ? 'directory' : 'file'};
}

/** The kernel lets go of the file a moment after the last close; whoever tries again at once should find it free. */
async function freeLoopDevice(served: Serving, source: Source): Promise<void> {
  if (!served.abandon() || source.kind === 'name') return;
  const free = await eventually(() => loopDevicesOf(source.dev, source.ino).length === 0, RELEASE_MS);
  if (!free) throw new Error(`${source.name} still has a loop device`);
}

/** @throws MountError when the mount can't be noted: nobody would know later what it is, and whose server that is */
function keepRecord(result: MountResult, object: string, deps: MountDependencies): void {
  try {
    deps.keepRecord?.(result);
  } catch (error) {
    const errno = errnoOf(error);
    const reason = `it can't be noted what was mounted: ${errnoWords(errno)}`;
    throw new MountError({object, reason, code: 'record'}, {errno, cause: error});
  }
}

/** A mount works without it, only slower. */
function readAhead(connectionId: number, {readAheadBytes}: MountPolicy, log: Log): void {
  if (readAheadBytes === undefined) return;
  try {
    setReadAhead(connectionId, readAheadBytes);
  } catch (error) {
    log.info({connectionId, error: String(error)}, 'read-ahead not set');
  }
}

function abandonMount(mounted: KernelMount | undefined, target: MountPoint): void {
  if (mounted !== undefined && !mounted.root.closed) removeMount(mounted, target);
}

function attachOrExplain(
  mounted: KernelMount,
  target: MountPoint,
  object: string,
): ReturnType<typeof attach> {
  try {
    return attach(mounted, target);
  } catch (error) {
    throw kernelRefusal(object, error, {});
  }
}
