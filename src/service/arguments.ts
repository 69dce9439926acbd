import {struct, u32, viewOf} from '../wire/index.js';
import {MAGIC} from './magic.js';
import {ProtocolError} from './protocol-error.js';

const header = struct('ARGS', 'be', 8, {magic: u32, count: u32});
const entry = struct('argument', 'be', 8, {position: u32, length: u32});

/** More arguments than any mount command line has; execve(2) itself would allow far more. */
export const MAX_ARGUMENTS = 1024;
/** Largest argument memfd, bytes. */
export const MAX_ARGUMENT_BYTES = 1 << 20;

/**
 * The content of the argument memfd: `strings[0]` is the subtype, the rest are the helper's arguments in order.
 * @throws ProtocolError when a string holds a NUL or there is too much of it.
 */
export function encodeArguments(strings: readonly string[]): Uint8Array<ArrayBuffer> {
  const texts = strings.map((text) => new TextEncoder().encode(`${text}\0`));
  const table = header.size + texts.length * entry.size;
  const total = texts.reduce((sum, text) => sum + text.length, table);
  if (texts.length > MAX_ARGUMENTS || total > MAX_ARGUMENT_BYTES) {
    throw new ProtocolError('argv', 'arguments', 'E2BIG', 'argument list too long', {
      count: texts.length,
      bytes: total,
    });
  }
  const bytes = new Uint8Array(total);
  const view = viewOf(bytes);
  header.write(view, 0, {magic: MAGIC.ARGS, count: texts.length});
  let position = table;
  for (const [index, text] of texts.entries()) {
    if (text.indexOf(0) !== text.length - 1) {
      throw new ProtocolError('argv', 'terminator', 'EINVAL', 'an argument holds a NUL', {index});
    }
    entry.write(view, header.size + index * entry.size, {position, length: text.length});
    bytes.set(text, position);
    position += text.length;
  }
  return bytes;
}

/**
 * Reads the argument memfd's content. Strings may lie anywhere behind the table, with gaps (libfuse leaves one
 * for the `-t TYPE` that it drops), but must lie inside and end with their only NUL.
 * @throws ProtocolError `arguments` (EBADMSG) for anything else.
 */
export function decodeArguments(bytes: Uint8Array): string[] {
  const refuse = (text: string, details: Record<string, unknown>): never => {
    throw new ProtocolError('argv', 'arguments', 'EBADMSG', text, details);
  };
  if (bytes.length < header.size || bytes.length > MAX_ARGUMENT_BYTES) {
    return refuse('wrong size', {length: bytes.length});
  }
  const view = viewOf(bytes);
  const {magic, count} = header.read(view);
  if (magic !== MAGIC.ARGS) return refuse('another magic', {magic});
  if (count === 0 || count > MAX_ARGUMENTS) return refuse('wrong count', {count});
  const table = header.size + count * entry.size;
  if (table > bytes.length) return refuse('table ends beyond the file', {count, length: bytes.length});

  const decoder = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true});
  const strings: string[] = [];
  // Strings may overlap, so many entries could point at one long string: the sum is bounded as well.
  let sum = 0;
  for (let index = 0; index < count; index++) {
    const {position, length} = entry.read(view, header.size + index * entry.size);
    sum += length;
    if (length === 0 || position < table || position + length > bytes.length || sum > bytes.length) {
      return refuse('string lies outside', {index, position, length});
    }
    const text = bytes.subarray(position, position + length);
    if (text.indexOf(0) !== length - 1) return refuse('string must end with its only NUL', {index});
    try {
      strings.push(decoder.decode(text.subarray(0, length - 1)));
    } catch {
      return refuse('string is not UTF-8', {index});
    }
  }
  return strings;
}
