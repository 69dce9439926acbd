/** What the stand-in for fusermount asks. */
export interface ShimQuestion {
  /** Absolute. */
  readonly target: string;
  readonly options: readonly string[];
}

/** What it is answered; without `refused` the fuse descriptor comes with the packet. */
export interface ShimAnswer {
  /** Options that are left out. */
  readonly unsafe: readonly string[];
  readonly refused?: string;
}

/** Bytes of a packet at most. mount(2) takes no more than a page of options. */
export const LARGEST_QUESTION = 16_384;
export const LARGEST_ANSWER = 8_192;
const MOST_OPTIONS = 256;

export function encodeQuestion(question: ShimQuestion): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(question));
}

/** What came in as a question; undefined for anything else. It may be made by anybody in the sandbox. */
export function decodeQuestion(bytes: Uint8Array): ShimQuestion | undefined {
  const {target, options} = parsed(bytes);
  if (typeof target !== 'string' || !isTexts(options)) return undefined;
  return {target, options};
}

export function encodeAnswer(answer: ShimAnswer): Uint8Array {
  // Each option was in one packet, so the list fits another; a refusal is a sentence of ours.
  return new TextEncoder().encode(JSON.stringify({...answer, unsafe: answer.unsafe.slice(0, 16)}));
}

/** The answer to a question; undefined for none. */
export function decodeAnswer(bytes: Uint8Array): ShimAnswer | undefined {
  const {unsafe, refused} = parsed(bytes);
  if (!isTexts(unsafe)) return undefined;
  return typeof refused === 'string' ? {unsafe, refused} : {unsafe};
}

function parsed(bytes: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function isTexts(value: unknown): value is string[] {
  return (
    Array.isArray(value) && value.length <= MOST_OPTIONS && value.every((each) => typeof each === 'string')
  );
}
