import {type Static, type TSchema, Type} from 'typebox';
import {
  CachesView,
  ManagerEvent,
  MountOrder,
  MountStats,
  MountView,
  PoolView,
  StatusView,
} from '../manager/model.js';
import {PROBLEM_TYPE, Problem} from './problem.js';

/** Everything that the OpenAPI document lists under `components/schemas`. */
export const SHARED_SCHEMAS: readonly TSchema[] = [
  CachesView,
  ManagerEvent,
  MountOrder,
  MountStats,
  MountView,
  PoolView,
  Problem,
  StatusView,
];

/** A reference to a shared schema that keeps its type. */
function shared<T extends TSchema>(schema: T) {
  const {$id} = schema as T & {$id: string};
  return Type.Unsafe<Static<T>>({$ref: `${$id}#`});
}

export const Caches = shared(CachesView);
export const Mount = shared(MountView);
export const Order = shared(MountOrder);
export const Pool = shared(PoolView);
export const Stats = shared(MountStats);
export const Status = shared(StatusView);

/** Wrapped, so that something can be added beside the list some day. */
export const MountList = Type.Object({mounts: Type.Array(Mount)});

/** Number of a FUSE connection: a minor device number, so at most seven digits in fact. */
export const MountParams = Type.Object({
  id: Type.String({pattern: '^(0|[1-9][0-9]{0,9})$', description: 'id of a mount'}),
});

/** A switch in a query string, where everything is text. */
export const Switch = (description: string) =>
  Type.Optional(Type.Enum(['true', 'false'], {default: 'false', description}));

/** More memory than any machine has today; keeps the number far below 2^53. */
const MOST_BYTES = 2 ** 47;

export const CacheLimit = Type.Object(
  {limitBytes: Type.Integer({minimum: 0, maximum: MOST_BYTES, description: 'most that it may hold'})},
  {additionalProperties: false},
);

const PROBLEM_TEXT: Record<number, string> = {
  400: 'the request is not understood',
  401: 'the bearer token is missing or wrong (TCP only)',
  403: 'policy denies it',
  404: 'there is no such mount, file or directory',
  409: 'not in this state',
  413: 'the request is too large',
  415: 'the request body is not JSON',
  421: 'the Host header is not of this server (TCP only)',
  422: 'this mount or type cannot do that',
  500: 'unexpected failure; the log of the daemon tells more',
  502: 'the server of the mount failed',
  503: 'not now',
  504: 'the server of the mount did not answer in time',
};

/** A problem for each status, for the `response` part of a route. Those that any route can answer are added. */
export function problems<const S extends readonly number[]>(...statuses: S) {
  const all = [...statuses, 400, 401, 421, 500] as const;
  const entries = all.map((status) => [
    status,
    {
      description: PROBLEM_TEXT[status] as string,
      content: {[PROBLEM_TYPE]: {schema: {$ref: 'Problem#'}}},
    },
  ]);
  return Object.fromEntries(entries) as Record<S[number], ProblemResponse>;
}

interface ProblemResponse {
  readonly description: string;
  readonly content: Record<string, {schema: {$ref: string}}>;
}
