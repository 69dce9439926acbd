import {isUtf8} from 'node:buffer';
import {StripefsError, shown} from './errors.js';
import {MOST_JSON_DEPTH, SUPERBLOCK_MOST_BYTES} from './limits.js';

const QUOTE = 0x22;
const COMMA = 0x2c;
const BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const BRACKET_END = 0x5d;
const BRACE = 0x7b;
const BRACE_END = 0x7d;

function refuse(code: string, reason: string, details: Record<string, number | string> = {}): never {
  throw new StripefsError('EINVAL', code, reason, details);
}

/** Where a text ends that begins with the quotation mark at `start`: the index behind its last one. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const sign = text.charCodeAt(at);
    if (sign === BACKSLASH) at++;
    else if (sign === QUOTE) return at + 1;
  }
  return text.length;
}

/** An object or a list that is open at some place of the text. */
interface Level {
  /** Names that an object has so far; undefined for a list. */
  readonly keys: Set<string> | undefined;
  expectsKey: boolean;
}

/**
 * Goes over a text that claims to be JSON before the real parser does: bounds how deep it nests, and finds names that an object has
 * twice, of which that parser would silently keep the last. What is no JSON for other reasons is left to it.
 */
function checkNesting(text: string): void {
  const open: Level[] = [];
  for (let at = 0; at < text.length; at++) {
    const sign = text.charCodeAt(at);
    if (sign === QUOTE) {
      const end = endOfString(text, at);
      takeKey(open.at(-1), text, at, end);
      at = end - 1;
    } else if (sign === BRACE || sign === BRACKET) {
      if (open.length === MOST_JSON_DEPTH) {
        refuse('json-depth', `it nests deeper than ${MOST_JSON_DEPTH} levels`);
      }
      open.push({keys: sign === BRACE ? new Set() : undefined, expectsKey: sign === BRACE});
    } else if (sign === BRACE_END || sign === BRACKET_END) {
      open.pop();
    } else if (sign === COMMA) {
      const top = open.at(-1);
      if (top !== undefined) top.expectsKey = true;
    }
  }
}

/** A string of the text: a name where one is due. @throws SyntaxError for a bad escape in it */
function takeKey(level: Level | undefined, text: string, start: number, end: number): void {
  if (level?.keys === undefined || !level.expectsKey) return;
  const raw = text.slice(start, end);
  const key = raw.includes('\\') ? (JSON.parse(raw) as string) : raw.slice(1, -1);
  if (level.keys.has(key)) refuse('duplicate-key', `an object has ${shown(key)} twice`, {key});
  level.keys.add(key);
  level.expectsKey = false;
}

/** The line of a place that the parser's message names, where it names one. */
function lineOf(error: unknown, text: string): {line?: number} {
  const position = /position (\d+)/.exec(String(error))?.[1];
  return position === undefined ? {} : {line: text.slice(0, Number(position)).split('\n').length};
}

/**
 * The value of a JSON text that may be anybody's: bounded in size and depth before it is parsed, in UTF-8, no name twice in one object.
 * @throws StripefsError `too-large`, `not-utf8`, `json-depth`, `duplicate-key`, `not-json`
 */
export function parseJson(bytes: Uint8Array): unknown {
  if (bytes.length > SUPERBLOCK_MOST_BYTES) {
    refuse('too-large', `it has more than ${SUPERBLOCK_MOST_BYTES} bytes`, {bytes: bytes.length});
  }
  if (!isUtf8(bytes)) refuse('not-utf8', 'it is not in UTF-8');
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  try {
    checkNesting(text);
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const where = lineOf(error, text);
    return refuse('not-json', `it is not JSON${where.line === undefined ? '' : ` (line ${where.line})`}`, {
      ...where,
    });
  }
}
