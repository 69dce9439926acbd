import type {Socket} from 'node:net';
import {type ControlMessage, encodeFrame, FrameError, FrameReader} from '../control/frame.js';
import {
  type ControlAnswer,
  type ControlAnswers,
  type ControlOrder,
  type ControlRefusal,
  MAX_OUTSTANDING,
  type OrderName,
} from '../control/messages.js';

/** What answers orders. A refusal is thrown: anything with a symbolic `errno`. */
export type Answerer = (order: ControlOrder) => Promise<ControlAnswers[OrderName]>;

/** Bytes of answers that may wait for a manager who does not read. */
const MOST_UNSENT = 512 * 1024;
const LARGEST_ID = 2 ** 31 - 1;
const LONGEST_MESSAGE = 500;
/** Orders without a value. */
const PLAIN: ReadonlySet<string> = new Set([
  'ping',
  'stats',
  'caches',
  'drop',
  'freeze',
  'thaw',
  'sync',
  'shutdown',
]);

/** One manager's connection. Whoever breaks the rules is dropped without an answer. */
export class ControlConnection {
  readonly #socket: Socket;
  readonly #answer: Answerer;
  readonly #reader = new FrameReader();
  readonly #outstanding = new Set<number>();

  constructor(socket: Socket, hello: object, answer: Answerer) {
    this.#socket = socket;
    this.#answer = answer;
    socket.on('data', (bytes) => this.#receive(bytes));
    // Who closes the connection is known from `close`, which follows.
    socket.on('error', () => {});
    this.#send(hello);
  }

  #receive(bytes: Uint8Array): void {
    let messages: ControlMessage[];
    try {
      messages = this.#reader.push(bytes);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#socket.destroy();
      return;
    }
    for (const message of messages) {
      if (this.#socket.destroyed) return;
      this.#take(message);
    }
  }

  #take(message: ControlMessage): void {
    const {id, do: name} = message;
    const isId = typeof id === 'number' && Number.isInteger(id) && id >= 1 && id <= LARGEST_ID;
    if (
      !isId ||
      typeof name !== 'string' ||
      this.#outstanding.has(id) ||
      this.#outstanding.size >= MAX_OUTSTANDING
    ) {
      this.#socket.destroy();
      return;
    }
    this.#outstanding.add(id);
    this.#carryOut(message).then(
      (ok) => this.#reply(id, {id, ok}),
      (error: unknown) => this.#reply(id, {id, error: refusalOf(error)}),
    );
  }

  async #carryOut(message: ControlMessage): Promise<ControlAnswers[OrderName]> {
    return await this.#answer(orderOf(message));
  }

  #reply(id: number, answer: ControlAnswer): void {
    this.#outstanding.delete(id);
    this.#send(answer);
  }

  #send(message: object): void {
    if (this.#socket.destroyed) return;
    if (this.#socket.writableLength > MOST_UNSENT) this.#socket.destroy();
    else this.#socket.write(encodeFrame(message));
  }
}

/** A refusal of what was asked. */
export class Refusal extends Error {
  readonly errno: string;
  readonly code: string;

  constructor(errno: string, code: string, message: string) {
    super(message);
    this.errno = errno;
    this.code = code;
  }
}

/** The order in a request. @throws Refusal EOPNOTSUPP for one that is not known, EINVAL for a value that is none */
function orderOf({do: name, bytes}: ControlMessage): ControlOrder {
  if (name === 'limit') {
    if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 0) {
      throw new Refusal('EINVAL', 'bad-limit', 'the limit is no number of bytes');
    }
    return {do: 'limit', bytes};
  }
  if (PLAIN.has(name as string)) return {do: name} as ControlOrder;
  throw new Refusal('EOPNOTSUPP', 'unknown-order', 'this server does not know such an order');
}

function refusalOf(error: unknown): ControlRefusal {
  const {errno, code, message} = error as Partial<Refusal>;
  return {
    errno: typeof errno === 'string' && /^E[A-Z0-9]{1,15}$/.test(errno) ? errno : 'EIO',
    code: typeof code === 'string' && /^[a-z0-9-]{1,64}$/.test(code) ? code : 'failed',
    message: (typeof message === 'string' ? message : String(error)).slice(0, LONGEST_MESSAGE),
  };
}
