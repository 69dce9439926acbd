/**
 * What the manager knows, as one declaration for types, validation and documentation. Times are ISO 8601 in UTC; sizes
 * are bytes; names carry their unit where it is another.
 */
import {type Static, Type} from 'typebox';
import {CONTAINMENT_POINTS, type ContainmentPoint} from '../policy/index.js';

const Text = (description: string) => Type.String({description});
const Count = (description: string) => Type.Integer({minimum: 0, description});
const Maybe = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);

export const Health = Type.Union(
  [
    Type.Literal('ok'),
    Type.Literal('slow', {description: 'a request is older than the limit'}),
    Type.Literal('hung', {
      description: 'the server does not answer, or, where it can not be asked, gets no further with requests',
    }),
    Type.Literal('dead', {description: 'the server is gone; everything on the mount fails'}),
    Type.Literal('aborted', {description: 'the connection was aborted'}),
    Type.Literal('unknown', {description: 'its server can not be asked, and the kernel does not tell'}),
  ],
  {description: 'how the mount is, as far as can be told from outside'},
);
export type Health = Static<typeof Health>;

/** How a server is held, by the kernel's word; see `launch/containment.ts`. */
export const ContainmentView = Type.Object({
  uid: Count('user id of the server'),
  capabilities: Type.Array(Type.Integer(), {description: 'numbers of capabilities it could use'}),
  noNewPrivs: Type.Boolean(),
  seccompFilters: Count('system-call filters on every one of its threads'),
  ownNamespaces: Type.Array(Type.String()),
  sharedNamespaces: Type.Array(Type.String()),
  descriptors: Type.Record(Type.String(), Type.Integer(), {description: 'open descriptors by kind'}),
  visibleMounts: Type.Array(Type.String(), {description: 'mounts in its own mount namespace'}),
  limits: Type.Record(Type.String(), Maybe(Type.Number())),
  cgroup: Type.Object(
    {
      path: Text('as in /proc/PID/cgroup'),
      sharedWith: Type.Array(Type.Integer(), {description: 'other processes in it'}),
      memoryBytes: Maybe(Count('limit of its memory')),
      tasks: Maybe(Count('limit of its processes and threads')),
    },
    {description: 'its control group'},
  ),
  code: Type.Object(
    {
      files: Type.Array(Type.String(), {
        description: 'files that are mapped executable, by path as it sees them',
      }),
      writable: Count('mappings that are writable and executable'),
      anonymous: Count('executable mappings without a file'),
    },
    {description: 'what it can execute'},
  ),
  reported: Maybe(
    Type.Object(
      {landlock: Count('landlock ABI'), systemCalls: Count('system calls its filter lets through')},
      {description: "the server's own word"},
    ),
  ),
});
export type ContainmentView = Static<typeof ContainmentView>;

/** One point of a server's containment, judged; see `launch/seal.ts`. */
export const SealPointView = Type.Object({
  point: Type.Unsafe<ContainmentPoint>({type: 'string', enum: [...CONTAINMENT_POINTS]}),
  state: Type.Union([
    Type.Literal('verified', {description: "by the kernel's word"}),
    Type.Literal('reported', {description: "by the server's own word"}),
    Type.Literal('missing', {description: 'it is not so, or nobody knows'}),
  ]),
  detail: Text('what was found or is lacking, in a sentence'),
  source: Text('where that comes from'),
});
export type SealPointView = Static<typeof SealPointView>;

export const MountView = Type.Object(
  {
    id: Type.String({description: 'number of the FUSE connection, which names the mount in this API'}),
    mountId: Type.Integer({description: 'mount id of mountinfo'}),
    ours: Type.Boolean({description: 'made by fuseward; others are shown with what the kernel tells'}),
    source: Text('as in the mount table'),
    target: Text('where it is mounted'),
    places: Type.Array(Type.String(), {
      description: 'every place where it is mounted, bind mounts of it included',
    }),
    type: Text('file system type in the mount table, fuse.ext4'),
    options: Type.Array(Type.String()),
    callerUid: Maybe(Count('user who mounted it')),
    since: Maybe(Type.String({format: 'date-time'})),
    rule: Maybe(Text('policy file and line of the rule that allowed the mount')),
    readOnly: Type.Boolean(),
    loopDevice: Maybe(Type.String()),
    members: Type.Array(Type.Object({path: Type.String(), loopDevice: Maybe(Type.String())}), {
      description: 'further images or devices that the file system lies on',
    }),
    blockSize: Maybe(Count('bytes')),
    iomap: Text('approved, unsupported, denied, not asked, or unknown'),
    transport: Text('how requests travel, by the word of the server: device, io_uring, or unknown'),
    serverPid: Maybe(Count('process id of the server')),
    unit: Maybe(Text('systemd unit that the server runs in')),
    connected: Type.Boolean({description: 'whether the manager has a control channel to the server'}),
    waiting: Maybe(Count('requests that the kernel waits for; null where fusectl is not there')),
    frozen: Type.Boolean({description: 'whether requests that modify are held'}),
    shutDown: Type.Boolean({description: 'whether the server answers everything with EIO, as it was told'}),
    health: Health,
    containment: Maybe(ContainmentView),
    seal: Maybe(
      Type.Array(SealPointView, {
        description: 'every point of containment, judged; null where no server is known',
      }),
    ),
  },
  {$id: 'Mount'},
);
export type MountView = Static<typeof MountView>;

export const OperationStats = Type.Object({
  count: Count('requests answered'),
  errors: Count('of them with an error'),
  errorsByErrno: Type.Record(Type.String(), Type.Integer()),
  bytesIn: Count('bytes of requests'),
  bytesOut: Count('bytes of answers'),
  latencySeconds: Type.Object({
    mean: Type.Number(),
    p50: Type.Number(),
    p90: Type.Number(),
    p99: Type.Number(),
    max: Type.Number(),
    buckets: Type.Array(Type.Object({le: Type.Number(), count: Type.Integer()}), {
      description: 'cumulative; le is the upper bound in seconds, -1 for infinity',
    }),
  }),
});
export type OperationStats = Static<typeof OperationStats>;

/** How the requests of a server that does not count them itself are counted. */
export const Tracing = Type.Object(
  {
    state: Type.Union([
      Type.Literal('on'),
      Type.Literal('off', {description: 'it begins when somebody asks again'}),
      Type.Literal('unsupported', {description: 'nothing is counted; reason says why'}),
    ]),
    reason: Maybe(Type.String()),
    seconds: Type.Number({description: 'for how long requests were traced in all'}),
    gaps: Count('times that events were lost because too many came at once'),
  },
  {description: 'requests are traced while somebody asks for statistics and two minutes longer'},
);
export type Tracing = Static<typeof Tracing>;

/** A connection as the kernel shows it in /sys/fs/fuse/connections. */
export const KernelConnection = Type.Object({
  waiting: Count('requests that it waits for'),
  maxBackground: Maybe(Count('background requests that may be under way at once')),
  congestionThreshold: Maybe(Count('of them, from where on the mount counts as congested')),
});
export type KernelConnection = Static<typeof KernelConnection>;

/** What all processes of a server have used together. Totals don't go back when one of them ends. */
export const ServerUseView = Type.Object({
  cpuSeconds: Type.Number({description: 'user and system time'}),
  userSeconds: Type.Number(),
  systemSeconds: Type.Number(),
  residentBytes: Count('what several of them share is counted for each'),
  privateBytes: Count('of that, memory that is of no file'),
  minorFaults: Count('page faults without I/O'),
  majorFaults: Count('page faults with I/O'),
  threads: Count('now'),
  processes: Count('now'),
  openFiles: Maybe(Count('open descriptors now')),
  voluntarySwitches: Count('context switches to wait for something'),
  involuntarySwitches: Count('context switches because others had a turn'),
  io: Maybe(
    Type.Object({
      readBytes: Count('read through system calls'),
      writtenBytes: Count('written through system calls'),
      storageReadBytes: Count('read from storage'),
      storageWrittenBytes: Count('written to storage'),
    }),
  ),
});
export type ServerUseView = Static<typeof ServerUseView>;

export const MountStats = Type.Object(
  {
    operations: Type.Record(Type.String(), OperationStats, {description: 'by FUSE opcode name'}),
    iomap: Maybe(
      Type.Record(Type.String(), Type.Integer({minimum: 0}), {
        description: 'questions of a kernel that reads files by itself; null where it does not',
      }),
    ),
    refused: Type.Optional(
      Type.Record(Type.String(), Type.Integer(), {
        description:
          'what the server told the kernel and the relay stopped, by kind of fault; without a relay absent',
      }),
    ),
    queueDepth: Count(
      'requests that the server works on; of a server that does not tell, those that the kernel waits for',
    ),
    waiting: Maybe(Count('requests that the kernel waits for')),
    countedBy: Type.Union(
      [
        Type.Literal('server', {description: 'by the server itself, all requests since it started'}),
        Type.Literal('relay', {description: 'by the relay before it, all requests since the mount'}),
        Type.Literal('kernel', {description: "by the kernel's trace events, as told in tracing"}),
      ],
      {description: 'who counted the operations'},
    ),
    tracing: Maybe(Tracing),
    kernel: Maybe(KernelConnection),
    process: Maybe(ServerUseView),
  },
  {$id: 'MountStats'},
);
export type MountStats = Static<typeof MountStats>;

export const CacheStats = Type.Object({
  capacityBytes: Count('limit'),
  bytes: Count('held now'),
  entries: Count('held now'),
  dirty: Count('entries not written back'),
  hits: Count(''),
  misses: Type.Object({
    cold: Count('never seen before'),
    evicted: Count('had to make room earlier'),
    invalidated: Count('was dropped or no longer true'),
    bypassed: Count('not meant to be cached'),
  }),
  evictions: Type.Object({capacity: Count('to stay within the limit'), dropped: Count('on request')}),
  hitRate: Type.Object({
    last10s: Maybe(Type.Number({minimum: 0, maximum: 1})),
    last1m: Maybe(Type.Number({minimum: 0, maximum: 1})),
    all: Maybe(Type.Number({minimum: 0, maximum: 1})),
  }),
});
export type CacheStats = Static<typeof CacheStats>;

export const CachesView = Type.Object(
  {caches: Type.Record(Type.String(), CacheStats, {description: 'block, inode, directory, mapping, iomap'})},
  {$id: 'Caches'},
);
export type CachesView = Static<typeof CachesView>;

export const ManagerEvent = Type.Object(
  {
    id: Type.Integer({description: 'grows by one'}),
    time: Type.String({format: 'date-time'}),
    event: Type.Union([
      Type.Literal('mounted'),
      Type.Literal('unmounted'),
      Type.Literal('server-died'),
      Type.Literal('denied'),
      Type.Literal('slow-request'),
      Type.Literal('request-overdue'),
      Type.Literal('health'),
      Type.Literal('stale'),
      Type.Literal('cleaned'),
      Type.Literal('protocol'),
      Type.Literal('policy-reloaded'),
      Type.Literal('policy-refused'),
      Type.Literal('containment-lost', {description: 'a point of containment that was there is missing'}),
      Type.Literal('containment-missing', {
        description: 'the server lacks a point that policy requires; the mount is taken away',
      }),
    ]),
    mount: Maybe(Type.String({description: 'id of the mount'})),
    target: Maybe(Type.String()),
    details: Type.Record(Type.String(), Type.Unknown()),
  },
  {$id: 'Event'},
);
export type ManagerEvent = Static<typeof ManagerEvent>;

export const StatusView = Type.Object(
  {
    version: Type.String(),
    startedAt: Type.String({format: 'date-time'}),
    uptimeSeconds: Type.Number(),
    pid: Type.Integer(),
    works: Type.Boolean({description: 'whether contained mounts work on this machine'}),
    features: Type.Array(
      Type.Object({
        name: Type.String(),
        state: Type.Union([Type.Literal('ok'), Type.Literal('limited'), Type.Literal('missing')]),
        found: Type.String(),
        meaning: Type.String(),
      }),
    ),
    totals: Type.Object({
      mounts: Type.Integer(),
      ours: Type.Integer(),
      unhealthy: Type.Integer(),
      serverResidentBytes: Type.Integer(),
      mountsMade: Count('since the manager started'),
      serversDied: Count('since the manager started'),
    }),
  },
  {$id: 'Status'},
);
export type StatusView = Static<typeof StatusView>;

export const MountOrder = Type.Object(
  {
    source: Type.String({minLength: 1, maxLength: 4095}),
    target: Type.String({minLength: 1, maxLength: 4095}),
    type: Type.Optional(Type.String({pattern: '^[a-z0-9][a-z0-9_+-]{0,31}$'})),
    options: Type.Optional(Type.Array(Type.String({maxLength: 4095}), {maxItems: 64})),
  },
  {$id: 'MountOrder', additionalProperties: false},
);
export type MountOrder = Static<typeof MountOrder>;

/** Mount commands and servers of one type that wait, each for one mount. */
export const PoolView = Type.Object(
  {
    type: Type.String(),
    wanted: Type.Integer({description: 'how many policy wants (server.pool)'}),
    ready: Type.Integer(),
    starting: Type.Integer(),
    used: Count('since the manager started: how many mounts got one'),
    failed: Count('since the manager started: how many did not start, or ended while they waited'),
    servers: Type.Array(Type.Integer(), {description: 'processes of the servers that wait'}),
  },
  {$id: 'Pool'},
);
export type PoolView = Static<typeof PoolView>;
