/**
 * What a manager may believe of a server's messages: every field, its range, and nothing beside them. Only the manager loads
 * this; it is the one that has to doubt.
 */
import {type Static, Type} from 'typebox';
import {Compile} from 'typebox/compile';
import type {ServerMessageCheck} from './client.js';
import {
  CACHE_NAMES,
  type CachesAnswer,
  CONTROL_PROTOCOL,
  type ControlRefusal,
  type HelloEvent,
  IOMAP_NUMBERS,
  type OrderName,
  type ServerState,
  type StatsAnswer,
} from './messages.js';

/** Counts come as JSON numbers; those that are no exact integers are no counts. */
const Count = Type.Integer({minimum: 0, maximum: Number.MAX_SAFE_INTEGER});
const Duration = Type.Number({minimum: 0, maximum: Number.MAX_SAFE_INTEGER});
const strict = {additionalProperties: false};

const Hello = Type.Object(
  {
    event: Type.Literal('hello'),
    protocol: Type.Literal(CONTROL_PROTOCOL),
    type: Type.String({pattern: '^[a-z0-9][a-z0-9_+-]{0,31}$'}),
    startedAt: Type.String({pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,9})?Z$'}),
    cacheBytes: Count,
  },
  strict,
);

const state = {
  queueDepth: Count,
  oldestMs: Duration,
  held: Count,
  frozen: Type.Boolean(),
  shutDown: Type.Boolean(),
  transport: Type.Optional(Type.Union([Type.Literal('device'), Type.Literal('io_uring')])),
};
const State = Type.Object(state, strict);

/** Buckets of a latency histogram at most; and errnos and opcodes that one answer may name. */
const MAX_BUCKETS = 64;
const MAX_NAMES = 128;

const Operation = Type.Object(
  {
    count: Count,
    errors: Count,
    errorsByErrno: Type.Record(Type.String({pattern: '^(E[A-Z0-9]{1,15}|other)$'}), Count, {
      maxProperties: MAX_NAMES,
      ...strict,
    }),
    bytesIn: Count,
    bytesOut: Count,
    totalNs: Duration,
    maxNs: Duration,
    buckets: Type.Array(Count, {maxItems: MAX_BUCKETS}),
  },
  strict,
);

const Iomap = Type.Object(
  Object.fromEntries(IOMAP_NUMBERS.map((name) => [name, Count])) as Record<
    (typeof IOMAP_NUMBERS)[number],
    typeof Count
  >,
  strict,
);

const Stats = Type.Object(
  {
    ...state,
    iomap: Type.Optional(Iomap),
    operations: Type.Record(Type.String({pattern: '^[A-Z][A-Z0-9_]{0,31}$'}), Operation, {
      maxProperties: MAX_NAMES,
      ...strict,
    }),
    refused: Type.Optional(
      Type.Record(Type.String({pattern: '^[a-z][a-z-]{0,31}$'}), Count, {
        maxProperties: MAX_NAMES,
        ...strict,
      }),
    ),
  },
  strict,
);

const Cache = Type.Object(
  {
    capacityBytes: Count,
    bytes: Count,
    entries: Count,
    dirty: Count,
    hits: Count,
    misses: Type.Object({cold: Count, evicted: Count, invalidated: Count, bypassed: Count}, strict),
    evictions: Type.Object({capacity: Count, dropped: Count}, strict),
  },
  strict,
);

const Caches = Type.Object(
  {
    caches: Type.Object(Object.fromEntries(CACHE_NAMES.map((name) => [name, Type.Optional(Cache)])), strict),
  },
  strict,
);

const Refusal = Type.Object(
  {
    errno: Type.String({pattern: '^E[A-Z0-9]{1,15}$'}),
    code: Type.String({pattern: '^[a-z0-9-]{1,64}$'}),
    message: Type.String({maxLength: 500}),
  },
  strict,
);

const check = {
  hello: Compile(Hello),
  state: Compile(State),
  stats: Compile(Stats),
  caches: Compile(Caches),
  refusal: Compile(Refusal),
};

const ANSWERS: Record<OrderName, {Check(value: unknown): boolean}> = {
  ping: check.state,
  stats: check.stats,
  caches: check.caches,
  drop: check.caches,
  limit: check.caches,
  freeze: check.state,
  thaw: check.state,
  sync: check.state,
  shutdown: check.state,
};

/** Declarations and types are two; the compiler sees to it that they say the same. */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;
const _agrees: [
  Same<Static<typeof State>, {-readonly [K in keyof ServerState]: ServerState[K]}>,
  Static<typeof Stats> extends StatsAnswer ? true : never,
  Static<typeof Refusal> extends ControlRefusal ? true : never,
  Static<typeof Hello> extends HelloEvent ? true : never,
  Static<typeof Cache> extends NonNullable<CachesAnswer['caches']['block']> ? true : never,
] = [true, true, true, true, true];
void _agrees;

/** The check for `ControlClient`. */
export const serverMessages: ServerMessageCheck = {
  hello: (value): value is HelloEvent => check.hello.Check(value),
  answer: (order, value) => ANSWERS[order].Check(value),
  refusal: (value): value is ControlRefusal => check.refusal.Check(value),
};
