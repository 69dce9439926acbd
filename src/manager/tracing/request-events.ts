import {type EventFormat, type FieldReader, readerOf} from './event-format.js';

/** The two tracepoints of the kernel's FUSE (include/trace/events/fuse.h, Linux 6.11 as `fs/fuse/fuse_trace.h`). */
export const SEND_EVENT = 'fuse_request_send';
export const END_EVENT = 'fuse_request_end';

/** A request was handed to the server, or its answer came. */
export interface RequestEvent {
  readonly kind: 'send' | 'end';
  readonly timeNs: number;
  /** Number of the FUSE connection. */
  readonly connection: number;
  /** Number of the request in its connection. */
  readonly unique: number;
  /** Bytes of the request or of its answer, headers included. */
  readonly length: number;
  /** Of an answer 0 or a negative errno, else 0. */
  readonly error: number;
  /** Of a request, else 0. */
  readonly opcode: number;
}

interface Readers {
  readonly kind: 'send' | 'end';
  readonly size: number;
  readonly connection: FieldReader;
  readonly unique: FieldReader;
  readonly length: FieldReader;
  readonly error: FieldReader;
  readonly opcode: FieldReader;
}

const none: FieldReader = () => 0;

function readersOf(kind: 'send' | 'end', format: EventFormat): Readers | undefined {
  const needed = ['connection', 'unique', 'len', kind === 'send' ? 'opcode' : 'error'];
  const fields = needed.map((name) => format.fields.get(name));
  const readers = fields.map((field) => field && readerOf(field));
  const [connection, unique, length, last] = readers;
  if (connection === undefined || unique === undefined || length === undefined || last === undefined)
    return undefined;
  return {
    kind,
    size: Math.max(...fields.map((field) => (field ? field.offset + field.size : 0))),
    ...{connection, unique, length},
    ...(kind === 'send' ? {opcode: last, error: none} : {error: last, opcode: none}),
  };
}

/** Reads events of requests out of the ring buffer's bytes. */
export class RequestEventReader {
  readonly #byType: ReadonlyMap<number, Readers>;
  readonly #type: FieldReader;

  private constructor(byType: ReadonlyMap<number, Readers>, type: FieldReader) {
    this.#byType = byType;
    this.#type = type;
  }

  /** @returns undefined when a field that is needed is not in the kernel's formats */
  static of(send: EventFormat, end: EventFormat): RequestEventReader | undefined {
    const type = send.fields.get('common_type');
    const readType = type && readerOf(type);
    const sending = readersOf('send', send);
    const ending = readersOf('end', end);
    if (readType === undefined || sending === undefined || ending === undefined) return undefined;
    return new RequestEventReader(
      new Map([
        [send.id, sending],
        [end.id, ending],
      ]),
      readType,
    );
  }

  /** The event at a place in a page; undefined for one of another kind, or one that is too short. */
  read(view: DataView, timeNs: number, at: number, length: number): RequestEvent | undefined {
    if (length < 8) return undefined;
    const readers = this.#byType.get(this.#type(view, at));
    if (readers === undefined || length < readers.size) return undefined;
    return {
      kind: readers.kind,
      timeNs,
      connection: readers.connection(view, at),
      unique: readers.unique(view, at),
      length: readers.length(view, at),
      error: readers.error(view, at),
      opcode: readers.opcode(view, at),
    };
  }
}
