import type {MountView} from '../manager/model.js';

/** What a server was told to do with requests, in words: none for one that serves them all. */
export function statesOf({frozen, shutDown}: Pick<MountView, 'frozen' | 'shutDown'>): string[] {
  return [...(frozen ? ['frozen'] : []), ...(shutDown ? ['shutdown'] : [])];
}
