import {Agent, type IncomingMessage, request} from 'node:http';
import type {CachesView, MountStats, MountView, StatusView} from '../manager/model.js';
import {CommandError} from './command.js';
import {type StreamEvent, serverSentEvents} from './event-stream.js';
import {printable} from './terminal/text.js';

/** Answers are a few hundred bytes to a few megabytes (some thousand mounts); nothing longer is read. */
const LONGEST_ANSWER = 64 * 2 ** 20;
const ANSWER_MS = 10_000;

/** What goes with a question. */
interface Sending {
  readonly headers?: Record<string, string>;
  /** JSON. */
  readonly body?: string;
  readonly signal?: AbortSignal | undefined;
}

/** The manager can't be reached: `reason` is the second half of a sentence. */
export class UnreachableError extends Error {
  readonly reason: string;

  constructor(reason: string) {
    super(reason);
    this.reason = reason;
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

function unreachable(socketPath: string, error: NodeJS.ErrnoException): Error {
  const reasons: Record<string, string> = {
    ENOENT: `no manager is listening on ${socketPath}`,
    ECONNREFUSED: `no manager is listening on ${socketPath}`,
    ENOTSOCK: `${socketPath} is not a socket`,
    EACCES: `only root and the group of ${socketPath} may ask the manager`,
    EINVAL: `${socketPath} can't be the path of a socket`,
    EPROTOTYPE: `${socketPath} is not a socket of the manager`,
  };
  const reason = reasons[error.code ?? ''];
  return new UnreachableError(reason ?? `the manager on ${socketPath} broke off: ${error.message}`);
}

/** A problem document (RFC 9457) as one sentence: what is wrong, and what to do where that is told. */
function problem(body: unknown, status: number): AnswerError {
  const {title, detail, code, hint} = (body ?? {}) as Record<string, unknown>;
  const told = [detail, title].find((text) => typeof text === 'string' && text !== '') as string | undefined;
  const advice = typeof hint === 'string' && hint !== '' && told?.includes(hint) !== true ? `; ${hint}` : '';
  const sentence = `${told ?? `the manager answered with status ${status}`}${advice}`.replace(/\.$/, '');
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
    await this.ask('GET', '/healthz');
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
    const {body, signal} = more;
    const headers = {...more.headers, ...(body !== undefined && {'content-type': 'application/json'})};
    return new Promise((resolve, reject) => {
      const options = {socketPath, method, path, headers, agent: this.#agent, ...(signal && {signal})};
      let sent: ReturnType<typeof request>;
      try {
        sent = request(options, (response) => {
          sent.setTimeout(0);
          resolve(response);
        });
      } catch (error) {
        reject(unreachable(socketPath, error as Error));
        return;
      }
      sent.setTimeout(ANSWER_MS, () => {
        sent.destroy(new CommandError(`the manager on ${socketPath} does not answer`));
      });
      sent.on('error', (error) => {
        reject(error instanceof CommandError || signal?.aborted ? error : unreachable(socketPath, error));
      });
      sent.end(body);
    });
  }

  async #read(response: IncomingMessage): Promise<unknown> {
    const text = await textOf(response);
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
