import type {ImportFile} from '../start/import-file.js';

declare const importFile: ImportFile | undefined;

/** Loads a program beside this one; import() with a path that is known when it runs. */
export async function importProgram(url: URL): Promise<unknown> {
  return typeof importFile === 'function' ? await importFile(url.href) : await import(url.href);
}
