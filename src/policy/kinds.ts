/** What a value may be: reads it, and tells people and the JSON schema. */
export interface Kind {
  /** The sentence after the key: `must be true or false`. */
  readonly sentence: string;
  /** The same as a JSON schema. */
  readonly schema: Readonly<Record<string, unknown>>;
  /** The value as the program uses it; undefined when it is not of this kind. */
  read(value: unknown): unknown;
  /** The way back, for a kind whose value the program uses in another unit. */
  write?(value: unknown): unknown;
}

const quoted = (words: readonly string[]): string => words.map((word) => `"${word}"`).join(', ');

/** One of these words. */
export function oneOf(...words: readonly string[]): Kind {
  return {
    sentence: `must be ${words.length > 1 ? 'one of ' : ''}${quoted(words)}`,
    schema: {type: 'string', enum: words},
    read: (value) => (typeof value === 'string' && words.includes(value) ? value : undefined),
  };
}

/** true or false. */
export const yesOrNo: Kind = {
  sentence: 'must be true or false',
  schema: {type: 'boolean'},
  read: (value) => (typeof value === 'boolean' ? value : undefined),
};

/** A whole number within bounds. */
export function integer(least: number, most: number): Kind {
  return {
    sentence: `must be a whole number from ${least} to ${most}`,
    schema: {type: 'integer', minimum: least, maximum: most},
    read: (value) => (Number.isInteger(value) && isWithin(value, least, most) ? value : undefined),
  };
}

/** Seconds within bounds, fractions too; read as milliseconds. */
export function seconds(least: number, most: number): Kind {
  return {
    sentence: `must be a number of seconds from ${least} to ${most}`,
    schema: {type: 'number', minimum: least, maximum: most},
    read: (value) => (isWithin(value, least, most) ? Math.round(value * 1000) : undefined),
    write: (value) => (value as number) / 1000,
  };
}

function isWithin(value: unknown, least: number, most: number): value is number {
  return typeof value === 'number' && value >= least && value <= most;
}

/** 0 or a power of two within bounds. */
export function powerOfTwo(least: number, most: number): Kind {
  const allowed = [0];
  for (let size = least; size <= most; size *= 2) allowed.push(size);
  return {
    sentence: `must be one of ${allowed.join(', ')}`,
    schema: {type: 'integer', enum: allowed},
    read: (value) => (allowed.includes(value as number) ? value : undefined),
  };
}

/** A text that a pattern describes. @param what as in "must be a list of WHAT" */
export function text(what: string, pattern: RegExp): Kind {
  return {
    sentence: `must be ${what}`,
    schema: {type: 'string', pattern: pattern.source},
    read: (value) => (typeof value === 'string' && pattern.test(value) ? value : undefined),
  };
}

/** A list, each item once. @param what as in "must be a list of WHAT" */
export function listOf(item: Kind, what: string, bounds: {least: number; most: number}): Kind {
  const size = bounds.least > 0 ? `, at least ${bounds.least}` : '';
  return {
    sentence: `must be a list of ${what}${size}`,
    schema: {type: 'array', items: item.schema, minItems: bounds.least, maxItems: bounds.most},
    read: (value) => {
      if (!Array.isArray(value) || value.length < bounds.least || value.length > bounds.most)
        return undefined;
      const items = value.map((each) => item.read(each));
      return items.includes(undefined) ? undefined : items;
    },
  };
}
