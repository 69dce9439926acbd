/** Where a field of a trace event lies, in bytes from the beginning of the event. */
export interface EventField {
  readonly offset: number;
  readonly size: number;
  readonly signed: boolean;
}

/** A trace event as its `format` file in tracefs describes it. */
export interface EventFormat {
  readonly name: string;
  /** What `common_type` holds in events of this kind. */
  readonly id: number;
  readonly fields: ReadonlyMap<string, EventField>;
}

/** Longest event that a format may describe; the kernel's own limit is a page. */
const LONGEST = 4096;

/**
 * Reads a `format` file (Documentation/trace/events.rst). Offsets differ between kernels and architectures.
 * @returns undefined for text that is none
 */
export function parseFormat(text: string): EventFormat | undefined {
  const name = /^name:\s*(\S+)$/m.exec(text)?.[1];
  const id = /^ID:\s*(\d+)$/m.exec(text)?.[1];
  if (name === undefined || id === undefined) return undefined;
  return {name, id: Number(id), fields: parseFields(text)};
}

/** The `field:` lines of a format or of `header_page`: a declaration in C, then where it lies. */
export function parseFields(text: string): Map<string, EventField> {
  const fields = new Map<string, EventField>();
  const line =
    /^\s*field:\s*([^;]*?)([A-Za-z_]\w*)(?:\[\d*\])?;\s*offset:(\d+);\s*size:(\d+);\s*signed:([01]);/gm;
  for (const [, , name, offset, size, signed] of text.matchAll(line)) {
    const field = {offset: Number(offset), size: Number(size), signed: signed === '1'};
    if (field.offset + field.size <= LONGEST + 16 && !fields.has(name!)) fields.set(name!, field);
  }
  return fields;
}

/** Reads a field as a number; identifiers of 64 bits as text that tells them apart. */
export type FieldReader = (view: DataView, at: number) => number;

/**
 * A reader for a number of 1, 2, 4 or 8 bytes, in the machine's own order (little-endian, as every one that Node runs on). Of 8 bytes
 * it is exact up to 2^53.
 * @returns undefined for another size
 */
export function readerOf({offset, size, signed}: EventField): FieldReader | undefined {
  switch (size) {
    case 1:
      return (view, at) => (signed ? view.getInt8(at + offset) : view.getUint8(at + offset));
    case 2:
      return (view, at) => (signed ? view.getInt16(at + offset, true) : view.getUint16(at + offset, true));
    case 4:
      return (view, at) => (signed ? view.getInt32(at + offset, true) : view.getUint32(at + offset, true));
    case 8:
      return (view, at) =>
        view.getUint32(at + offset, true) + view.getUint32(at + offset + 4, true) * 2 ** 32;
    default:
      return undefined;
  }
}
