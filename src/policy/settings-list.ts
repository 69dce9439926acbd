import type {Origin} from './allow-rule.js';
import {KEYS, type KeyTable, TABLES} from './keys.js';
import type {Policy} from './policy.js';

/** A setting as a policy file says it. */
export interface Setting {
  /** Dotted: `server.tasks`. */
  readonly key: string;
  /** In the file's unit; undefined where nothing is said. */
  readonly value: unknown;
  readonly origin: Origin | undefined;
}

/** Every setting of a policy with where it comes from, in the order of the documentation; `[[allow]]` not among them. */
export function settingsList(policy: Policy): Setting[] {
  const settings: Setting[] = [];
  const list = (prefix: string, values: object, keys: KeyTable): void => {
    for (const [key, {name, kind}] of Object.entries(keys)) {
      const value = (values as Record<string, unknown>)[name];
      const written = value === undefined ? undefined : (kind.write?.(value) ?? value);
      settings.push({key: prefix + key, value: written, origin: policy.origins[prefix + key]});
    }
  };
  list('', policy, KEYS);
  for (const [table, keys] of Object.entries(TABLES))
    list(`${table}.`, policy[table as keyof typeof TABLES], keys);
  return settings;
}
