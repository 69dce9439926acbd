import type {EventField} from './event-format.js';

/** Where things lie in a page of the kernel's ring buffer, by `events/header_page` of tracefs. */
export interface PageLayout {
  /** Bytes of `commit`: of a long of the kernel. */
  readonly commitSize: number;
  readonly commitAt: number;
  readonly dataAt: number;
  /** Bytes of a whole page. */
  readonly size: number;
}

/** @returns undefined for fields that are not of such a page */
export function pageLayout(fields: ReadonlyMap<string, EventField>): PageLayout | undefined {
  const commit = fields.get('commit');
  const data = fields.get('data');
  const timestamp = fields.get('timestamp');
  if (commit === undefined || data === undefined || timestamp?.offset !== 0 || timestamp.size !== 8)
    return undefined;
  const size = data.offset + data.size;
  if (![4, 8].includes(commit.size) || commit.offset + commit.size > data.offset || size > 2 ** 20)
    return undefined;
  return {commitSize: commit.size, commitAt: commit.offset, dataAt: data.offset, size};
}

/** What a page tells beside its events. */
export interface PageNews {
  /** Events were dropped before it because the buffer was full. */
  readonly missed: boolean;
  /** The page does not look like one from some point on; what is behind it was not read. */
  readonly damaged: boolean;
}

// kernel/trace/ring_buffer.c: flags in `commit`, which counts bytes of data below them.
const MISSED_EVENTS = 2 ** 31;
const COMMIT_MASK = (1 << 20) - 1;

/** include/linux/ring_buffer.h: kinds of entries that are no data; below them is the length of data in words, 0 with a length of its own. */
const PADDING = 29;
const TIME_EXTEND = 30;
const TIME_STAMP = 31;
const DELTA_BITS = 27;
/** Absolute times have 59 bits; the rest is the page's. */
const STAMP_HIGH = 2 ** 59;

/**
 * Goes through the events of one page as trace_pipe_raw gives it.
 * @param each called with a time in nanoseconds of the trace clock, and where an event begins in `view` and how long it is
 */
export function readPage(
  view: DataView,
  layout: PageLayout,
  each: (timeNs: number, at: number, length: number) => void,
): PageNews {
  if (view.byteLength < layout.dataAt) return {missed: false, damaged: true};
  const word = (at: number): number => view.getUint32(at, true);
  const commit = word(layout.commitAt);
  const missed = commit >= MISSED_EVENTS;
  const end = Math.min(layout.dataAt + (commit & COMMIT_MASK), view.byteLength);
  const begin = word(0) + word(4) * 2 ** 32;
  let time = begin;
  // Ends: each round moves on by at least 4 bytes.
  for (let at = layout.dataAt; at + 4 <= end; ) {
    const head = word(at);
    const kind = head & 0x1f;
    const delta = head >>> 5;
    const body = at + 4;
    if (kind === PADDING && delta === 0) break;
    if (kind === TIME_EXTEND || kind === TIME_STAMP || kind === PADDING || kind === 0) {
      if (body + 4 > end) return {missed, damaged: true};
    }
    if (kind === TIME_EXTEND) {
      time += word(body) * 2 ** DELTA_BITS + delta;
      at = body + 4;
    } else if (kind === TIME_STAMP) {
      time = Math.floor(begin / STAMP_HIGH) * STAMP_HIGH + word(body) * 2 ** DELTA_BITS + delta;
      at = body + 4;
    } else if (kind === PADDING) {
      time += delta;
      const next = body + word(body);
      if (next <= at) return {missed, damaged: true};
      at = next;
    } else {
      time += delta;
      // A length of its own counts itself.
      const data = kind === 0 ? body + 4 : body;
      const length = kind === 0 ? word(body) - 4 : kind * 4;
      if (length < 0 || data + length > end) return {missed, damaged: true};
      each(time, data, length);
      at = data + ((length + 3) & ~3);
    }
  }
  return {missed, damaged: false};
}
