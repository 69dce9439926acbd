/** One option: `ro`, or `max_read=4096` with its value. */
export interface Option {
  key: string;
  value?: string;
}

/**
 * Splits `-o` text at commas. As in libfuse and mount(8): a backslash takes the next character as it is, double quotes
 * protect commas in a value. Empty items vanish.
 */
export function splitOptions(text: string): Option[] {
  const items: string[] = [];
  let item = '';
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i] as string; // i < length
    if (character === '\\' && i + 1 < text.length) {
      i++;
      item += text[i];
    } else if (character === '"') {
      quoted = !quoted;
    } else if (character === ',' && !quoted) {
      items.push(item);
      item = '';
    } else {
      item += character;
    }
  }
  items.push(item);
  return items.filter((entry) => entry !== '').map(toOption);
}

function toOption(item: string): Option {
  const equals = item.indexOf('=');
  return equals === -1 ? {key: item} : {key: item.slice(0, equals), value: item.slice(equals + 1)};
}

/** The text form of options; commas, quotes and backslashes in values are escaped. */
export function joinOptions(options: readonly Option[]): string {
  return options
    .map(({key, value}) => (value === undefined ? key : `${key}=${value}`).replace(/[\\,"]/g, '\\$&'))
    .join(',');
}
