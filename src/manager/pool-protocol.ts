/** Where a waiting command has its socket to the manager. */
export const ORDER_FD = 3;

/** Bytes of an order at most: the words of a command, whose options a caller may make long. */
export const LONGEST_ORDER = 65_536;
/** Bytes of what a waiting command says. */
export const LONGEST_READY = 256;

/** What a command says once when it waits. */
export interface Ready {
  /** Its server. */
  readonly serverPid?: number | undefined;
}

export function encodeReady(ready: Ready): Uint8Array {
  return Buffer.from(JSON.stringify(ready));
}

/** @throws SyntaxError */
export function readReady(bytes: Uint8Array): Ready {
  return JSON.parse(Buffer.from(bytes).toString()) as Ready;
}

/** The words of a command. @returns undefined where they are too long for a packet */
export function encodeOrder(words: readonly string[]): Uint8Array | undefined {
  const bytes = Buffer.from(JSON.stringify(words));
  return bytes.length > LONGEST_ORDER ? undefined : bytes;
}

/** @throws SyntaxError */
export function readOrder(bytes: Uint8Array): string[] {
  return (JSON.parse(Buffer.from(bytes).toString()) as unknown[]).map(String);
}
