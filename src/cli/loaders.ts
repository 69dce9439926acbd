import type {Command} from './command.js';

/** What loads a command, by its name. */
export type Loaders = Readonly<Record<string, () => Promise<Command>>>;

/** Loads one of them; undefined when there is none of that name. */
export function loaderOf(loaders: Loaders): (name: string) => Promise<Command | undefined> {
  return async (name) => (Object.hasOwn(loaders, name) ? await loaders[name]!() : undefined);
}
