/**
 * Texts as words of a unit file, systemd.syntax(7) and systemd.service(5). Specifiers are expanded everywhere, so `%` is doubled; in double quotes a backslash takes
 * the meaning from what follows. Words of ExecStart= have their variables as well, which `:` before the program turns off.
 */

/** Control characters, C1 ones included, of which a line break would end the setting; halves of surrogate pairs. */
const UNWRITABLE = /[\p{Cc}\p{Cs}]/u;

/** A text that no unit file can hold. */
export class UnitWordError extends Error {
  constructor(text: string, reason: string) {
    super(`${JSON.stringify(text)} can't be written into a unit file: ${reason}`);
    this.name = 'UnitWordError';
  }
}

function checkText(text: string): void {
  if (UNWRITABLE.test(text))
    throw new UnitWordError(text, 'it has control characters, or is no Unicode text');
}

/** One word, in quotes. @throws UnitWordError */
export function quotedWord(text: string): string {
  checkText(text);
  return `"${text.replaceAll('%', '%%').replace(/["\\]/g, '\\$&')}"`;
}
