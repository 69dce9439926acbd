/** A character as its JSON or C escape: \x1b, \u{202e}. */
function escaped(character: string): string {
  const code = character.codePointAt(0)!;
  if (character === '\n') return '\\n';
  if (character === '\t') return '\\t';
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}

/**
 * Text of others (names on a disk, words of a server) as it may go to a terminal: what a terminal would act upon, and what
 * would reorder or hide other text, is made visible. A backslash is doubled, so that nothing can pass for an escape.
 */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}\\]/gu, (character) =>
    character === '\\' ? '\\\\' : escaped(character),
  );
}

/** Our own sentences, in which others' words may be: as `printable`, but lines and backslashes stay as they are. */
export function harmless(text: string): string {
  return text.replace(/[^\P{C}\n]|[\p{Zl}\p{Zp}]/gu, escaped);
}

/** JSON in which everything that a terminal would act upon is escaped, which leaves its meaning as it is. */
export function json(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(/[^\P{C}\n]|[\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from({length: character.length}, (_, unit) => {
      const code = character.charCodeAt(unit);
      return `\\u${code.toString(16).padStart(4, '0')}`;
    }).join(''),
  );
}

/** Characters that terminals show in two columns: East Asian wide and fullwidth (UAX #11), and pictographs. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{16fe0}-\u{18cff}\u{1b000}-\u{1b2ff}\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1faff}\u{20000}-\u{3fffd}]/u;

function characterWidth(character: string): number {
  if (/\p{M}/u.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** Columns that printable text takes on a terminal. */
export function textWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

/** As many characters from the front as fit into `width` columns. */
function front(characters: readonly string[], width: number): string {
  let text = '';
  let used = 0;
  for (const character of characters) {
    used += characterWidth(character);
    if (used > width) break;
    text += character;
  }
  return text;
}

/** As many characters from the end as fit, without marks that belong to a character that does not. */
function back(characters: readonly string[], width: number): string {
  let first = characters.length;
  for (let used = 0; first > 0; first--) {
    used += characterWidth(characters[first - 1]!);
    if (used > width) break;
  }
  while (first < characters.length && characterWidth(characters[first]!) === 0) first++;
  return characters.slice(first).join('');
}

/** Printable text in at most `width` columns: the middle goes, because both ends of a path tell more. */
export function shorten(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  if (width <= 1) return front([...text], width);
  const characters = [...text];
  const tail = Math.ceil((width - 1) / 2);
  return `${front(characters, width - 1 - tail)}…${back(characters, tail)}`;
}

/** Printable text in at most `width` columns: the end goes. */
export function cut(text: string, width: number): string {
  return textWidth(text) <= width ? text : front([...text], width);
}

/** Text filled up with spaces to `width` columns. */
export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const space = ' '.repeat(Math.max(0, width - textWidth(text)));
  return align === 'left' ? text + space : space + text;
}
