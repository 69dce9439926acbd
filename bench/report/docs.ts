import {readFileSync, writeFileSync} from 'node:fs';

/**
 * Puts a text between the markers of a document, `<!-- NAME -->` and `<!-- /NAME -->`.
 * @throws Error when they are not there, once each and in order
 */
export function betweenMarkers(document: string, name: string, text: string): string {
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [before, rest, ...more] = document.split(start);
  const [, after, ...evenMore] = rest?.split(end) ?? [];
  if (rest === undefined || after === undefined || more.length > 0 || evenMore.length > 0) {
    throw new Error(`a text goes between one ${start} and one ${end}`);
  }
  return `${before}${start}\n\n${text.trim()}\n\n${end}${after}`;
}

/** Rewrites what lies between the markers of a file. */
export function rewriteDocument(path: string, name: string, text: string): void {
  writeFileSync(path, betweenMarkers(readFileSync(path, 'utf8'), name, text));
}
