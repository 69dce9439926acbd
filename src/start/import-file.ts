/** What a program's code imports files with: a script that comes out of a cache has lost how it does. */
export type ImportFile = (url: string) => Promise<unknown>;
