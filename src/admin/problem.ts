import {STATUS_CODES} from 'node:http';
import type {FastifyReply} from 'fastify';
import {type Static, Type} from 'typebox';
import {ManagerError, type ManagerErrorKind} from '../manager/face.js';

/** The media type of every failure (RFC 9457). */
export const PROBLEM_TYPE = 'application/problem+json';

/** What a failure is answered with. `code` is stable and meant for programs, `detail` and `hint` are for people. */
export const Problem = Type.Object(
  {
    type: Type.String({description: 'about:blank: the status and the code say what kind of problem it is'}),
    title: Type.String({description: 'the name of the HTTP status'}),
    status: Type.Integer({minimum: 400, maximum: 599}),
    code: Type.String({pattern: '^[a-z0-9-]+$', description: 'stable name of this kind of failure'}),
    detail: Type.String({description: 'what happened, naming the mount or the file'}),
    errno: Type.Optional(Type.String({pattern: '^E[A-Z0-9]+$', description: 'where the kernel said it'})),
    hint: Type.Optional(Type.String({description: 'what the caller can do about it'})),
    errors: Type.Optional(Type.Array(Type.String(), {description: 'each of several things that are wrong'})),
  },
  {$id: 'Problem', additionalProperties: false},
);
export type Problem = Static<typeof Problem>;

/** A failure that the HTTP edge itself finds, before the manager is asked. */
export class AdminError extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string | undefined;

  constructor(status: number, code: string, message: string, hint?: string) {
    super(message);
    this.name = 'AdminError';
    this.status = status;
    this.code = code;
    this.hint = hint;
  }
}

const STATUS_OF_KIND: Record<ManagerErrorKind, number> = {
  'not-found': 404,
  conflict: 409,
  invalid: 400,
  denied: 403,
  'no-driver': 422,
  unsupported: 422,
  'server-failed': 502,
  timeout: 504,
};

/** Codes of Fastify's own failures as ours; those not listed are `bad-request`. */
const CODE_OF_FRAMEWORK: Record<string, string> = {
  FST_ERR_VALIDATION: 'invalid-request',
  FST_ERR_BAD_URL: 'invalid-url',
  FST_ERR_MAX_PARAM_LENGTH: 'invalid-url',
  FST_ERR_CTP_BODY_TOO_LARGE: 'body-too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'media-type',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'invalid-json',
  FST_ERR_CTP_INVALID_JSON_BODY: 'invalid-json',
};

/** A problem with the title that belongs to the status. */
export function problem(
  status: number,
  code: string,
  detail: string,
  more: {
    errno?: string | undefined;
    hint?: string | undefined;
    errors?: readonly string[] | undefined;
  } = {},
): Problem {
  return {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    code,
    detail,
    ...(more.errno === undefined ? {} : {errno: more.errno}),
    ...(more.hint === undefined ? {} : {hint: more.hint}),
    ...(more.errors === undefined ? {} : {errors: [...more.errors]}),
  };
}

/** The problem that tells of `error`, or undefined for one that nobody foresaw and whose text is not for callers. */
export function problemOf(error: unknown): Problem | undefined {
  if (error instanceof ManagerError) {
    const {errno, hint, errors} = error;
    return problem(STATUS_OF_KIND[error.kind], error.code, error.message, {errno, hint, errors});
  }
  if (error instanceof AdminError) {
    return problem(error.status, error.code, error.message, {hint: error.hint});
  }
  if (!(error instanceof Error)) return undefined;
  const {statusCode, code} = error as Error & {statusCode?: unknown; code?: unknown};
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode > 499) return undefined;
  return problem(
    statusCode === 414 ? 400 : statusCode,
    (typeof code === 'string' && CODE_OF_FRAMEWORK[code]) || 'bad-request',
    error.message,
  );
}

/** Answers with a problem. */
export function sendProblem(reply: FastifyReply, told: Problem): FastifyReply {
  return reply.code(told.status).type(PROBLEM_TYPE).serializer(JSON.stringify).send(told);
}
