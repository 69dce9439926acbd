/** What a program and its cache are made from alike: its text as the body of the function that Node makes of CommonJS modules. */
export function wrapped(text: string): string {
  return `(function (exports, require, module, __filename, __dirname, importFile) {${text}\n})`;
}

/** For `importFile`: a script that comes out of a cache has lost how it imports. */
export type ImportFile = (url: string) => Promise<unknown>;
