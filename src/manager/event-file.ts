import {fstatSync, ftruncateSync, readSync, writeSync} from 'node:fs';
import {Compile} from 'typebox/compile';
import type {OwnedFd} from '../sys/fd.js';
import {createMemfd} from '../sys/memfd.js';
import type {EventKeeping} from './event-log.js';
import type {FdKeeper} from './fd-keeper.js';
import {ManagerEvent} from './model.js';

const NAME = 'events';
/** Bytes at which the older half is dropped. 1000 events of the usual kind take a quarter of a MiB. */
const MOST_BYTES = 8 * 2 ** 20;
const NEWLINE = 0x0a;
const schema = Compile(ManagerEvent);

/**
 * Events in a file in memory that somebody keeps over a restart: a line of JSON each. A manager that is killed while it writes leaves
 * a broken line, or, while it drops the older half, older events after newer ones; readers skip both.
 */
export class EventFile implements EventKeeping {
  readonly earlier: readonly ManagerEvent[];
  readonly #file: OwnedFd;
  readonly #onFailure: (error: unknown) => void;
  #size: number;

  /** @param onFailure gets errors of writing, which cost the keeping and nothing else @throws Errno when no file can be made */
  static open(keeper: FdKeeper, onFailure: (error: unknown) => void): EventFile {
    const file = keeper.take(NAME) ?? createMemfd('fuseward-events');
    keeper.store(NAME, file.fd);
    return new EventFile(file, onFailure);
  }

  private constructor(file: OwnedFd, onFailure: (error: unknown) => void) {
    this.#file = file;
    this.#onFailure = onFailure;
    const content = this.#read();
    this.#size = content.length;
    this.earlier = eventsOf(content);
    // A line that was broken off must not spoil the next.
    if (content.length > 0 && content.at(-1) !== NEWLINE) this.#append(Buffer.from('\n'));
  }

  keep(event: ManagerEvent): void {
    try {
      const line = Buffer.from(`${JSON.stringify(event)}\n`);
      if (this.#size + line.length > MOST_BYTES) this.#dropOlder();
      this.#append(line);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  close(): void {
    this.#file.close();
  }

  #append(bytes: Uint8Array): void {
    this.#size += writeSync(this.#file.fd, bytes, 0, bytes.length, this.#size);
  }

  #dropOlder(): void {
    const content = this.#read();
    const newer = content.subarray(content.indexOf(NEWLINE, content.length / 2) + 1);
    this.#size = 0;
    this.#append(newer);
    ftruncateSync(this.#file.fd, this.#size);
  }

  #read(): Buffer {
    const content = Buffer.alloc(Math.min(fstatSync(this.#file.fd).size, 2 * MOST_BYTES));
    return content.subarray(0, readSync(this.#file.fd, content, 0, content.length, 0));
  }
}

function eventsOf(content: Buffer): ManagerEvent[] {
  const events: ManagerEvent[] = [];
  for (const line of content.toString('utf8').split('\n')) {
    const event = parsed(line);
    if (event !== undefined && event.id > (events.at(-1)?.id ?? 0)) events.push(event);
  }
  return events;
}

function parsed(line: string): ManagerEvent | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return schema.Check(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
