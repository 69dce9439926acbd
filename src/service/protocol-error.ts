import {ERRNO, type ErrnoCode} from '../sys/errno-codes.js';

/** What was wrong with a packet or with its place in the conversation. */
export type ProtocolErrorCode =
  /** another magic than expected, or none that exists */
  | 'magic'
  /** too short, too long, or not the one size that the packet has */
  | 'size'
  /** the last byte is not NUL, or there is another NUL before it */
  | 'terminator'
  /** the text is not UTF-8, so it can't be anything that the caller named */
  | 'encoding'
  /** a padding field is not zero */
  | 'padding'
  /** a flag bit that nobody defined */
  | 'flags'
  /** a field outside its range */
  | 'value'
  /** a once-only command came again */
  | 'given-twice'
  /** a command before another that it needs */
  | 'order'
  /** a command that this caller may not use */
  | 'permission'
  /** the answer is about another path than the question */
  | 'path'
  /** a descriptor that should have come did not, or the other way round */
  | 'descriptor'
  /** the versions of the two ends have nothing in common */
  | 'version'
  /** the other end closed the connection */
  | 'closed'
  /** the deadline passed */
  | 'deadline'
  /** more packets than any honest end sends */
  | 'too-many'
  /** the argument memfd contradicts itself */
  | 'arguments';

/** A packet, or its place in the conversation, against the rules: which packet, what, and the numbers. */
export class ProtocolError extends Error {
  readonly code: ProtocolErrorCode;
  /** Positive errno that goes to the other end, where an answer is due. */
  readonly errno: number;
  /** Four-letter name of the packet, or `argv`, `socket`. */
  readonly packet: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    packet: string,
    code: ProtocolErrorCode,
    errno: ErrnoCode,
    text: string,
    details: Record<string, unknown> = {},
  ) {
    super(`${packet}: ${text}`);
    this.name = 'ProtocolError';
    this.packet = packet;
    this.code = code;
    this.errno = ERRNO[errno];
    this.details = details;
  }
}
