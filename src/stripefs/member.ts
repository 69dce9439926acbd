import type {Place} from './errors.js';
import {Fields, listOf, textOf} from './fields.js';
import {MEMBER_PATH_MOST_BYTES, MOST_BYTES, MOST_MEMBERS} from './limits.js';

/** An image or device that files lie on. */
export interface Member {
  /** Relative to where the superblock lies, or absolute; without `.`, `..`, empty names and control characters. */
  readonly path: string;
  /** Bytes that it has at least. */
  readonly size: number;
}

const FIELDS: ReadonlySet<string> = new Set(['path', 'size']);

/** Whether a path is written in the one way that leads nowhere but down. */
function isClean(path: string): boolean {
  const names = path.replace(/^\//, '').split('/');
  return !/\p{Cc}/u.test(path) && names.every((name) => name !== '' && name !== '.' && name !== '..');
}

/** The members that a superblock names. @throws StripefsError */
export function decodeMembers(value: unknown, place: Place): Member[] {
  const members: Member[] = [];
  for (const [index, each] of listOf(value, place, MOST_MEMBERS).entries()) {
    const fields = new Fields(each, place.item(index), FIELDS);
    const at = fields.place.field('path');
    const path = textOf(fields.get('path'), at, MEMBER_PATH_MOST_BYTES);
    if (!isClean(path)) {
      at.refuse('member-path', 'must have no ".", no "..", no empty names and no control characters');
    }
    if (members.some((other) => other.path === path)) at.refuse('member-twice', 'names a member twice');
    members.push({path, size: fields.number('size', 0, MOST_BYTES)});
  }
  return members;
}
