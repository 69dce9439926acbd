/** Longest text of the other end that is shown, in characters. */
export const MAX_FOREIGN_TEXT = 500;

/**
 * Text that came from a less trusted end, fit for a terminal and a log: one line, no control or format characters
 * (escape sequences, direction overrides, line separators, lone surrogates), at most `limit` characters.
 */
export function foreignText(text: string, limit: number = MAX_FOREIGN_TEXT): string {
  // A character is at most two UTF-16 units; whatever lies behind this bound can't be shown anyway.
  const clean = text
    .slice(0, limit * 8)
    .replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ')
    .replace(/\s+/gu, ' ')
    .trim();
  const characters = [...clean];
  return characters.length > limit ? `${characters.slice(0, limit - 1).join('')}…` : clean;
}
