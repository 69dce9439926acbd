import {Agent, type IncomingMessage, request} from 'node:http';
import type {CachesView, MountStats, MountView, StatusView} from '../manager/model.js';
import {CommandError} from './command.js';
import {type StreamEvent, serverSentEvents} from './event-stream.js';
import {printable} from './terminal/text.js';

/** Answers are a few hundred bytes to a few megabytes (some thousand mounts); nothing longer is read. */
const LONGEST_ANSWER = 64 * 2 ** 20;
/** How long an answer may take: to the question whether somebody is there, to other questions, to orders. */
const REACH_MS = 3_000;
const ANSWER_MS = 10_000;
const ORDER_MS = 120_000;
/** unix(7): sun_path has 108 bytes, the last of which is NUL. Node would cut a longer path off. */
const LONGEST_PATH = 107;

/** What goes with a question. */
interface Sending {
  readonly headers?: Record<string, string>;
  /** JSON. */
  readonly body?: string;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
}

/** The manager can't be reached: `reason` is a sentence, to which others may be joined. */
export class UnreachableError extends Error {
  readonly reason: string;
  /** What to do about it, as the end of a sentence; undefined where starting a manager would not help. */
  readonly advice: string | undefined;

  constructor(reason: string, advice: string | undefined) {
    super(reason);
    this.reason = reason;
    this.advice = advice;
  }
}

/** The manager's answer was no. */
export class AnswerError extends CommandError {
  readonly status: number;
  /** The stable code of the problem. */
  readonly code: string | undefined;

  constructor(message: string, status: number, code?: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const HOW_TO_START = 'start one with "fuseward daemon"';

function unreachable(socketPath: string, error: NodeJS.ErrnoException): Error {
  const path = printable(socketPath);
  const others: Record<string, string> = {
    EACCES: `only root and the group of ${path} may ask the manager`,
    ENOTSOCK: `${path} is not a socket`,
    EPROTOTYPE: `${path} is not the socket of a manager`,
  };
  const code = error.code ?? '';
  if (['ENOENT', 'ENOTDIR', 'ECONNREFUSED'].includes(code)) {
    return new UnreachableError(`no manager is listening on ${path}`, HOW_TO_START);
  }
  return new UnreachableError(
    others[code] ?? `the manager on ${path} broke off: ${error.message}`,
    undefined,
  );
}

/** A problem document (RFC 9457) as one sentence: what is wrong, and what to do where that is told. */
function problem(body: unknown, status: number): AnswerError {
  const {title, detail, code, hint} = (body ?? {}) as Record<string, unknown>;
  const told = [detail, title].find((text) => typeof text === 'string' && text !== '') as string | undefined;
  const advice = typeof hint === 'string' && hint !== '' && told?.includes(hint) !== true ? [hint] : [];
  const parts = [told ?? `the manager answered with status ${status}`, ...advice];
  const sentence = parts.map((part) => part.replace(/\.$/, '')).join('; ');
  return new AnswerError(printable(sentence), status, typeof code === 'string' ? code : undefined);
}

async function textOf(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > LONGEST_ANSWER) throw new CommandError('the answer of the manager is too long');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/**
 * Asks the manager over its unix socket. Every method throws UnreachableError when nobody listens there, and AnswerError, whose
 * message is one sentence, when the manager refuses.
 */
export class AdminClient {
  readonly socketPath: string;
  readonly #agent = new Agent({keepAlive: true, maxSockets: 8});

  constructor(socketPath: string) {
    this.socketPath = socketPath;
  }

  /** Whether somebody listens; asks nothing that costs anything. */
  async reach(): Promise<void> {
    await this.#read(await this.#send('GET', '/healthz', {timeoutMs: REACH_MS}));
  }

  status(): Promise<StatusView> {
    return this.ask('GET', '/v1/status');
  }

  async mounts(): Promise<MountView[]> {
    const {mounts} = await this.ask<{mounts?: MountView[]}>('GET', '/v1/mounts');
    if (!Array.isArray(mounts)) throw this.#notTheManager();
    return mounts;
  }

  mount(id: string): Promise<MountView> {
    return this.ask('GET', `/v1/mounts/${encodeURIComponent(id)}`);
  }

  stats(id: string): Promise<MountStats> {
    return this.ask('GET', `/v1/mounts/${encodeURIComponent(id)}/stats`);
  }

  caches(id: string): Promise<CachesView> {
    return this.ask('GET', `/v1/mounts/${encodeURIComponent(id)}/cache`);
  }

  dropCaches(id: string): Promise<CachesView> {
    return this.ask('POST', `/v1/mounts/${encodeURIComponent(id)}/cache/drop`);
  }

  limitCache(id: string, limitBytes: number): Promise<CachesView> {
    return this.ask('PATCH', `/v1/mounts/${encodeURIComponent(id)}/cache`, {limitBytes});
  }

  order(id: string, order: 'freeze' | 'thaw' | 'sync' | 'shutdown'): Promise<MountView> {
    return this.ask('POST', `/v1/mounts/${encodeURIComponent(id)}/${order}`);
  }

  /** Has the policy files read again. @throws AnswerError with everything that is wrong in them */
  reloadPolicy(): Promise<{files: string[]}> {
    return this.ask('POST', '/v1/policy/reload');
  }

  /**
   * The stream of events, until the manager ends it or the signal is given. Besides the manager's events, whose data is a
   * ManagerEvent, there may be one called `gap` where some were missed.
   * @param resume the id of the last event of an earlier stream, or a number: those after it which the manager still has come
   * first; undefined begins with the next
   */
  async *events(resume: string | number | undefined, signal?: AbortSignal): AsyncGenerator<StreamEvent> {
    const query = typeof resume === 'number' ? `?since=${resume}` : '';
    const headers: Record<string, string> = typeof resume === 'string' ? {'last-event-id': resume} : {};
    const response = await this.#send('GET', `/v1/events${query}`, {headers, signal});
    if (response.statusCode !== 200) await this.#read(response);
    try {
      yield* serverSentEvents(response);
    } catch (error) {
      throw unreachable(this.socketPath, error as Error);
    } finally {
      response.destroy();
    }
  }

  /** Closes connections that are kept for the next question. */
  close(): void {
    this.#agent.destroy();
  }

  /** @throws UnreachableError, AnswerError, CommandError for what is not an answer of the manager */
  async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.#send(method, path, body === undefined ? {} : {body: JSON.stringify(body)});
    return (await this.#read(response)) as T;
  }

  #send(method: string, path: string, more: Sending): Promise<IncomingMessage> {
    const {socketPath} = this;
    const {body, signal, timeoutMs = method === 'GET' ? ANSWER_MS : ORDER_MS} = more;
    const headers = {...more.headers, ...(body !== undefined && {'content-type': 'application/json'})};
    return new Promise((resolve, reject) => {
      const options = {socketPath, method, path, headers, agent: this.#agent, ...(signal && {signal})};
      if (Buffer.byteLength(socketPath) > LONGEST_PATH) {
        const reason = `${printable(socketPath)} is too long for the path of a socket`;
        reject(new UnreachableError(reason, undefined));
        return;
      }
      const sent = request(options, (response) => {
        // A stream of events may be silent for long.
        sent.setTimeout(0);
        resolve(response);
      });
      sent.setTimeout(timeoutMs, () => {
        const reason = `the manager on ${printable(socketPath)} does not answer`;
        sent.destroy(new UnreachableError(reason, undefined));
      });
      sent.on('error', (error) => {
        const told = error instanceof UnreachableError || signal?.aborted === true;
        reject(told ? error : unreachable(socketPath, error));
      });
      sent.end(body);
    });
  }

  async #read(response: IncomingMessage): Promise<unknown> {
    const text = await textOf(response).catch((error: Error) => {
      throw error instanceof CommandError ? error : unreachable(this.socketPath, error);
    });
    const status = response.statusCode ?? 0;
    const ok = status >= 200 && status < 300;
    if (ok && text === '') return undefined;
    let body: unknown;
    if (/^application\/(problem\+)?json\b/.test(response.headers['content-type'] ?? '')) {
      try {
        body = JSON.parse(text);
      } catch {
        body = undefined;
      }
    }
    if (!ok && body !== undefined) throw problem(body, status);
    if (body === undefined || body === null || typeof body !== 'object') {
      throw this.#notTheManager();
    }
    return body;
  }

  #notTheManager(): CommandError {
    return new CommandError(`what answers on ${this.socketPath} is not the manager of fuseward`);
  }
}
