import {errnoCode} from '../../src/sys/errno-codes.js';
import type {Entry, Snapshot, SystemInfo} from './snapshot.js';

export type Field = keyof Entry | keyof SystemInfo['statfs'] | 'label' | 'uuid';

/** Fields that may differ, each with the reason why that is right. */
export type Allowed = Partial<Record<Field, string>>;

/** The symbolic name of an error thrown by node:fs, by the calls of posix.ts or by the driver. */
export function codeOf(error: unknown): string {
  const {errno, code, message} = error as {errno?: unknown; code?: unknown; message?: unknown};
  if (typeof errno === 'string') return errno;
  // Node has no name for some, ENOKEY and EUCLEAN among them.
  if (typeof errno === 'number') return errnoCode(Math.abs(errno)) ?? `E${Math.abs(errno)}`;
  if (typeof code === 'string') return code;
  return String(message ?? error);
}

/** A name as text for people: printable ASCII stays, everything else is \xNN. */
export function shown(key: string): string {
  const text = key.replace(/[^ -~]|\\/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return text.length > 120 ? `${text.slice(0, 100)}…(${text.length})` : text;
}

function valueShown(field: string, value: unknown): string {
  if (field === 'mode' && typeof value === 'number') return `0${value.toString(8)}`;
  if (/flags/.test(field) && typeof value === 'number') return `0x${value.toString(16)}`;
  const text = String(value);
  return text.length > 160 ? `${text.slice(0, 150)}…(${text.length})` : shown(text);
}

/**
 * What differs between two snapshots, one line a difference: path, field, value in `a`, value in `b`. At most `limit` lines,
 * then how many more.
 */
export function diff(a: Snapshot, b: Snapshot, allowed: Allowed = {}, limit = 40): string[] {
  const lines: string[] = [];
  let total = 0;
  const report = (line: string): void => {
    total++;
    if (lines.length < limit) lines.push(line);
  };
  const fields = (where: string, left: object, right: object): void => {
    for (const field of Object.keys(left) as Field[]) {
      if (field in allowed) continue;
      const one = (left as Record<string, unknown>)[field];
      const two = (right as Record<string, unknown>)[field];
      if (one !== two) report(`${where}: ${field}: ${valueShown(field, one)} != ${valueShown(field, two)}`);
    }
  };
  for (const [path, entry] of a.entries) {
    const other = b.entries.get(path);
    if (other === undefined) report(`${shown(path)}: missing in the second`);
    else fields(shown(path), entry, other);
  }
  for (const path of b.entries.keys()) if (!a.entries.has(path)) report(`${shown(path)}: only in the second`);
  fields('(statfs)', a.system.statfs, b.system.statfs);
  fields('(system)', {label: a.system.label, uuid: a.system.uuid}, b.system);
  if (total > lines.length) lines.push(`… and ${total - lines.length} more`);
  return lines;
}
