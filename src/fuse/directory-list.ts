import {encodeEntry, putQuantity} from './attribute-codec.js';
import {EntryReply} from './attributes.js';
import {InvalidReplyError} from './invalid-reply.js';
import type {NodeTypes} from './node-types.js';
import {DIRENTPLUS_HEADER, direntPlusSize, direntSize, direntStruct} from './structs/dirent.js';

const D = direntStruct.at;
const SLASH = 0x2f;
const NO_RECORD = -1;

/** Refuses a name that the kernel would refuse with the whole listing: empty, too long, or with a slash or NUL. */
function checkName(name: Uint8Array, longest: number): void {
  const length = name.length;
  if (length === 0 || length > longest) throw new InvalidReplyError('dirent-name-length', {length, longest});
  for (let i = 0; i < length; i++) {
    const byte = name[i];
    if (byte === SLASH || byte === 0) throw new InvalidReplyError('dirent-name', {byte, at: i});
  }
}

function isDotOrDotDot(name: Uint8Array): boolean {
  return name[0] === 0x2e && (name.length === 1 || (name.length === 2 && name[1] === 0x2e));
}

/** Writes dirent header, name and padding at `offset`; `end` is the end of the padded record. */
function putDirent(
  view: DataView,
  bytes: Uint8Array,
  offset: number,
  end: number,
  nextOffset: number,
  name: Uint8Array,
): void {
  putQuantity(view, offset + D.off, nextOffset, 'dirent-offset');
  view.setUint32(offset + D.namelen, name.length, true);
  const start = offset + direntStruct.size;
  for (let i = 0; i < name.length; i++) bytes[start + i] = name[i] as number;
  for (let i = start + name.length; i < end; i++) bytes[i] = 0;
}

/** The answer to readdir, written into the reply as entries are added. */
export class DirentList {
  #view: DataView;
  #bytes: Uint8Array;
  #start = 0;
  #end = 0;
  #limit = 0;
  readonly #longestName: number;

  constructor(longestName: number) {
    this.#longestName = longestName;
    this.#bytes = new Uint8Array(0);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Points the list at `size` bytes of a reply. For the session. */
  reset(bytes: Uint8Array, view: DataView, start: number, size: number): void {
    this.#bytes = bytes;
    this.#view = view;
    this.#start = start;
    this.#end = start;
    this.#limit = start + size;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#end - this.#start;
  }

  /**
   * Adds an entry; false, with nothing added, when it does not fit any more.
   * @param ino the d_ino shown; any integer above 0
   * @param nextOffset the cookie from which a later call goes on after this entry; above 0
   * @param type DT_*: the type bits of the mode shifted right by 12, or 0 for unknown
   * @throws InvalidReplyError for a name with '/' or NUL, an empty or too long one
   */
  add(ino: number, nextOffset: number, type: number, name: Uint8Array): boolean {
    checkName(name, this.#longestName);
    const at = this.#end;
    const end = at + direntSize(name.length);
    if (end > this.#limit) return false;
    putQuantity(this.#view, at + D.ino, ino, 'dirent-ino');
    this.#view.setUint32(at + D.type, type & 0xf, true);
    putDirent(this.#view, this.#bytes, at, end, nextOffset, name);
    this.#end = end;
    return true;
  }
}

/** The answer to readdirplus, written into the reply as records are added. */
export class DirentPlusList {
  #view: DataView;
  #bytes: Uint8Array;
  #start = 0;
  #end = 0;
  #limit = 0;
  #entryTimeout = 0;
  #attrTimeout = 0;
  /** Where the record begins whose entry the caller is still filling in. */
  #pending = NO_RECORD;
  #pendingIsDot = false;
  readonly #entry = new EntryReply();
  readonly #longestName: number;
  readonly #types: NodeTypes;

  constructor(longestName: number, types: NodeTypes) {
    this.#longestName = longestName;
    this.#types = types;
    this.#bytes = new Uint8Array(0);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Points the list at `size` bytes of a reply. For the session. */
  reset(
    bytes: Uint8Array,
    view: DataView,
    start: number,
    size: number,
    entryTimeout: number,
    attrTimeout: number,
  ): void {
    this.#bytes = bytes;
    this.#view = view;
    this.#start = start;
    this.#end = start;
    this.#limit = start + size;
    this.#entryTimeout = entryTimeout;
    this.#attrTimeout = attrTimeout;
    this.#pending = NO_RECORD;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Whether a record with a name of this length would fit: to be asked before work that only a delivered record needs. */
  fits(nameLength: number): boolean {
    return this.#end + direntPlusSize(nameLength) <= this.#limit;
  }

  /**
   * Adds a record and gives the entry to fill in before the next call; undefined, with nothing added, when it does
   * not fit any more. `attr.mode` (at least its type) is needed; with nodeid 0 the record only lists the name (with `attr.ino`),
   * which "." and ".." always do: their nodeid is not sent.
   * @param nextOffset the cookie from which a later call goes on after this entry; above 0
   * @throws InvalidReplyError for a name with '/' or NUL, an empty or too long one, or an entry before that is invalid
   */
  add(name: Uint8Array, nextOffset: number): EntryReply | undefined {
    this.finish();
    checkName(name, this.#longestName);
    const at = this.#end;
    const end = at + direntPlusSize(name.length);
    if (end > this.#limit) return undefined;
    putDirent(this.#view, this.#bytes, at + DIRENTPLUS_HEADER - direntStruct.size, end, nextOffset, name);
    this.#end = end;
    this.#pending = at;
    this.#pendingIsDot = isDotOrDotDot(name);
    this.#entry.reset(this.#entryTimeout, this.#attrTimeout);
    return this.#entry;
  }

  /** Encodes the record that was added last. For the session, when the handler has finished. */
  finish(): void {
    if (this.#pending === NO_RECORD) return;
    const at = this.#pending;
    const entry = this.#entry;
    const ino = entry.attr.ino === 0 ? entry.nodeid : entry.attr.ino;
    if (this.#pendingIsDot) entry.nodeid = 0;
    encodeEntry(this.#view, at, entry, true, this.#types);
    const dirent = at + DIRENTPLUS_HEADER - direntStruct.size;
    putQuantity(this.#view, dirent + D.ino, ino, 'dirent-ino');
    this.#view.setUint32(dirent + D.type, (entry.attr.mode >>> 12) & 0xf, true);
    this.#pending = NO_RECORD;
  }
}
