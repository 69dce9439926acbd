import {readFileSync} from 'node:fs';

/** Number of a group by its name in /etc/group (group(5)), or of one that is given as a number. Undefined if there is none. */
export function groupId(name: string, file = '/etc/group'): number | undefined {
  if (/^\d{1,10}$/.test(name)) return Number(name);
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [entry, , id] = line.split(':');
    if (entry === name && id !== undefined && /^\d{1,10}$/.test(id)) return Number(id);
  }
  return undefined;
}
