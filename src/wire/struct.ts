import type {Field} from './field.js';

type FieldMap = Record<string, Field<unknown>>;
type ValueOf<F> = F extends Field<infer T> ? T : never;
/** Names of the fields that carry something; padding carries nothing. */
type Carrying<F extends FieldMap> = {
  [K in keyof F]: undefined extends ValueOf<F[K]> ? never : K;
}[keyof F];

/** The values of a struct's fields. */
export type ValuesOf<F extends FieldMap> = {[K in Carrying<F>]: ValueOf<F[K]>};

/** The values that a declared struct reads and writes: `type Header = StructValues<typeof header>`. */
export type StructValues<S> = S extends Struct<infer F> ? ValuesOf<F> : never;

/** A binary layout: where each field lies and how large the whole is. */
export interface Struct<F extends FieldMap> {
  readonly name: string;
  /** Bytes, padding included. */
  readonly size: number;
  /** Byte offset of each field, for code that may not allocate and reads single fields itself. */
  readonly at: {readonly [K in keyof F]: number};
  /** Reads all fields at `offset`. @throws RangeError when the view is too short. */
  read(view: DataView, offset?: number): ValuesOf<F>;
  /** Writes all fields at `offset`, padding as zeros; fields not given are written as zeros too. */
  write(view: DataView, offset: number, values: Partial<ValuesOf<F>>): void;
  /** A new buffer of exactly this struct. */
  encode(values: Partial<ValuesOf<F>>): Uint8Array;
}

/**
 * Declares a packed layout: fields follow each other in the order given, without gaps; holes of the C struct
 * are written out with `pad`. `size` is the size the format's documentation gives; a declaration that does
 * not add up to it throws when the module is loaded.
 */
export function struct<F extends FieldMap>(
  name: string,
  order: 'le' | 'be',
  size: number,
  fields: F,
): Struct<F> {
  const littleEndian = order === 'le';
  const layout: Array<{key: string; field: Field<unknown>; offset: number}> = [];
  const at: Record<string, number> = {};
  let total = 0;
  for (const [key, field] of Object.entries(fields)) {
    layout.push({key, field, offset: total});
    at[key] = total;
    total += field.size;
  }
  if (total !== size) throw new Error(`struct ${name} adds up to ${total} bytes, not ${size}`);

  const self: Struct<F> = {
    name,
    size,
    at: at as Struct<F>['at'],
    read(view, offset = 0) {
      if (offset + size > view.byteLength) {
        throw new RangeError(`${name} needs ${size} bytes, there are ${view.byteLength - offset}`);
      }
      const values: Record<string, unknown> = {};
      for (const entry of layout) {
        const value = entry.field.get(view, offset + entry.offset, littleEndian);
        if (value !== undefined) values[entry.key] = value;
      }
      return values as ValuesOf<F>;
    },
    write(view, offset, values) {
      new Uint8Array(view.buffer, view.byteOffset + offset, size).fill(0);
      for (const entry of layout) {
        const value = (values as Record<string, unknown>)[entry.key];
        if (value !== undefined) entry.field.set(view, offset + entry.offset, value, littleEndian);
      }
    },
    encode(values) {
      const bytes = new Uint8Array(size);
      self.write(new DataView(bytes.buffer), 0, values);
      return bytes;
    },
  };
  return self;
}

/** A DataView on exactly the bytes of `bytes`. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
