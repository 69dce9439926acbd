import {addressOf, cText, viewOf} from './libc.js';

const POINTER_SIZE = 8;
/** Memory of this size and above does not lie in the garbage-collected heap, where it could move. */
const LEAST_BLOCK = 4096;

/**
 * An array of pointers to NUL-terminated texts with a null at its end, as execve(2) takes arguments and environment, with the texts behind it.
 * @param call for messages
 * @throws Errno EINVAL for a text with a NUL
 */
export function argumentVector(texts: readonly string[], call: string): Uint8Array {
  const bytes = texts.map((text) => new TextEncoder().encode(cText(text, call)));
  const pointers = (texts.length + 1) * POINTER_SIZE;
  const length = bytes.reduce((sum, each) => sum + each.length + 1, pointers);
  const block = new Uint8Array(Math.max(LEAST_BLOCK, length));
  const view = viewOf(block);
  const base = addressOf(block);
  let at = pointers;
  bytes.forEach((each, index) => {
    view.setBigUint64(index * POINTER_SIZE, base + BigInt(at), true);
    block.set(each, at);
    at += each.length + 1;
  });
  return block;
}

/** The same of variables. @throws Errno EINVAL */
export function environmentVector(environment: Readonly<Record<string, string>>, call: string): Uint8Array {
  return argumentVector(
    Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    call,
  );
}
