import {closeSync, constants, openSync, readdirSync, readSync} from 'node:fs';
import {mkdir, writeFile} from 'node:fs/promises';
import {parseFields, parseFormat} from './event-format.js';
import {END_EVENT, type RequestEvent, RequestEventReader, SEND_EVENT} from './request-events.js';
import {type PageLayout, pageLayout, readPage} from './ring-page.js';
import {instanceName, removeInstance, type Tracefs} from './tracefs.js';

/** Of each processor. What was not read when it is full is overwritten. */
const BUFFER_KIB = 256;
/** Connections that the kernel compares with for each event; with more of them every event comes and is looked at here. */
const MOST_FILTERED = 24;
/** Pages read from one processor in one round: as many as its buffer has, so that a round ends. */
const MOST_PAGES = (BUFFER_KIB * 1024) / 4096 + 2;

/** What one round of reading brought. */
export interface Reading {
  /** In the order of their times. */
  readonly events: RequestEvent[];
  /** Rounds of processors in which events had been overwritten before they were read. */
  readonly gaps: number;
}

/**
 * A tracing instance of our own (Documentation/trace/ftrace.rst) with the two events of FUSE's requests: what others trace is not
 * touched, and nothing of it is left when it is closed.
 */
export class TraceInstance {
  readonly #path: string;
  readonly #reader: RequestEventReader;
  readonly #layout: PageLayout;
  readonly #pipes: number[];
  readonly #page: Buffer;
  #closed = false;

  /**
   * What the kernel does to switch tracing on takes it tens of milliseconds, so other threads wait for it.
   * @throws Error or Errno that says what this kernel lacks; nothing is left then
   */
  static async open(tracefs: Tracefs): Promise<TraceInstance> {
    const format = (event: string) => parseFormat(tracefs.read(`events/fuse/${event}/format`));
    const send = format(SEND_EVENT);
    const end = format(END_EVENT);
    const reader = send && end && RequestEventReader.of(send, end);
    const layout = pageLayout(parseFields(tracefs.read('events/header_page')));
    if (reader === undefined || layout === undefined)
      throw new Error('the formats of its trace events are not known here');
    const path = `${tracefs.path}/instances/${instanceName()}`;
    // One of this very process that could not be removed in time.
    await removeInstance(path);
    await mkdir(path);
    try {
      await writeFile(`${path}/buffer_size_kb`, String(BUFFER_KIB));
      // The same on all processors, which a request and its answer need not share.
      await writeFile(`${path}/trace_clock`, 'mono');
      return new TraceInstance(path, reader, layout);
    } catch (error) {
      await removeInstance(path);
      throw error;
    }
  }

  private constructor(path: string, reader: RequestEventReader, layout: PageLayout) {
    this.#path = path;
    this.#reader = reader;
    this.#layout = layout;
    this.#page = Buffer.alloc(layout.size);
    this.#pipes = readdirSync(`${path}/per_cpu`).map((cpu) =>
      openSync(`${path}/per_cpu/${cpu}/trace_pipe_raw`, constants.O_RDONLY | constants.O_NONBLOCK),
    );
  }

  /** Traces these connections from now on. @throws Error of the file system */
  async trace(connections: readonly number[]): Promise<void> {
    const filter =
      connections.length > MOST_FILTERED ? '0' : connections.map((id) => `connection == ${id}`).join(' || ');
    for (const event of [SEND_EVENT, END_EVENT]) {
      await writeFile(`${this.#path}/events/fuse/${event}/filter`, filter);
      await writeFile(`${this.#path}/events/fuse/${event}/enable`, '1');
    }
  }

  /** Takes what has come since the last time. */
  read(): Reading {
    if (this.#closed) return {events: [], gaps: 0};
    const events: RequestEvent[] = [];
    let gaps = 0;
    for (const pipe of this.#pipes) {
      for (let pages = 0; pages < MOST_PAGES; pages++) {
        const length = this.#readPage(pipe);
        if (length === 0) break;
        const view = new DataView(this.#page.buffer, this.#page.byteOffset, length);
        const {missed, damaged} = readPage(view, this.#layout, (timeNs, at, size) => {
          const event = this.#reader.read(view, timeNs, at, size);
          if (event !== undefined) events.push(event);
        });
        if (missed || damaged) gaps++;
      }
    }
    return {events: events.sort((a, b) => a.timeNs - b.timeNs), gaps};
  }

  /** Ends tracing and removes the instance. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const pipe of this.#pipes) closeSync(pipe);
    await removeInstance(this.#path);
  }

  /** @returns bytes; 0 when there is nothing to read */
  #readPage(pipe: number): number {
    try {
      return readSync(pipe, this.#page, 0, this.#page.length, null);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
      throw error;
    }
  }
}
