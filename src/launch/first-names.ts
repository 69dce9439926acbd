import {opendirSync} from 'node:fs';

/** The names in a directory in the kernel's order, and no more than so many. @throws Node's error */
export function firstNames(directory: string, most: number): string[] {
  const names: string[] = [];
  const entries = opendirSync(directory);
  try {
    for (let entry = entries.readSync(); entry !== null && names.length < most; entry = entries.readSync()) {
      names.push(entry.name);
    }
  } finally {
    entries.closeSync();
  }
  return names;
}
