import {viewOf} from '../wire/index.js';
import {failure} from './failure.js';

/** Block types up to this are security contexts, and the type is their number. */
const LAST_SECURITY_CONTEXT = 31;
const SUPPLEMENTARY_GROUPS = 32;
/** size u32, type u32 of struct fuse_ext_header. */
const HEADER = 8;

/** A label that a new file is to get. */
export interface SecurityContext {
  /** Name of the xattr below `security.`, e.g. `selinux`. */
  readonly name: string;
  readonly value: Uint8Array;
}

/** What SECURITY_CTX and CREATE_SUPP_GROUP add to create-like requests. */
export interface RequestExtensions {
  readonly securityContexts: readonly SecurityContext[];
  /** Groups of the caller that matter for a set-group-id directory. */
  readonly groups: readonly number[];
}

/**
 * Reads the extension block of a request (`ctx.extensions`). Blocks of unknown types are skipped.
 * @throws Failure EINVAL when it contradicts itself
 */
export function readExtensions(block: Uint8Array): RequestExtensions {
  const view = viewOf(block);
  const securityContexts: SecurityContext[] = [];
  const groups: number[] = [];
  // Each round advances by at least a header.
  for (let at = 0; at < block.length; ) {
    if (at + HEADER > block.length) throw failure('EINVAL');
    const size = view.getUint32(at, true);
    const type = view.getUint32(at + 4, true);
    if (size < HEADER || size > block.length - at) throw failure('EINVAL');
    const body = block.subarray(at + HEADER, at + size);
    if (type <= LAST_SECURITY_CONTEXT) readContexts(body, type, securityContexts);
    else if (type === SUPPLEMENTARY_GROUPS) readGroups(body, groups);
    at += (size + 7) & ~7;
  }
  return {securityContexts, groups};
}

/** `count` times {size u32, padding u32, name with NUL, value}; the block is padded at its end only. */
function readContexts(body: Uint8Array, count: number, into: SecurityContext[]): void {
  const view = viewOf(body);
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 8 > body.length) throw failure('EINVAL');
    const size = view.getUint32(at, true);
    const nameEnd = body.indexOf(0, at + 8);
    if (nameEnd === -1 || size > body.length - nameEnd - 1) throw failure('EINVAL');
    into.push({
      name: new TextDecoder().decode(body.subarray(at + 8, nameEnd)),
      value: body.subarray(nameEnd + 1, nameEnd + 1 + size),
    });
    at = nameEnd + 1 + size;
  }
}

function readGroups(body: Uint8Array, into: number[]): void {
  const view = viewOf(body);
  if (body.length < 4) throw failure('EINVAL');
  const count = view.getUint32(0, true);
  if (count > (body.length - 4) / 4) throw failure('EINVAL');
  for (let i = 0; i < count; i++) into.push(view.getUint32(4 + i * 4, true));
}
