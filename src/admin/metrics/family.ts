type FamilyType = 'counter' | 'gauge' | 'histogram';

/** Labels as they are written, `a="b",c="d"`: made once for all the lines that have them. */
export type LabelText = string & {readonly __unit: 'label-text'};

/** No labels at all. */
export const NO_LABELS = '' as LabelText;

/** Writes labels as the text format wants them: backslash, quote and line feed escaped. Names are taken as they are. */
export function labelText(
  labels: Readonly<Record<string, string>>,
  before: LabelText = NO_LABELS,
): LabelText {
  let text: string = before;
  for (const [name, value] of Object.entries(labels)) {
    const escaped = /[\\\n"]/.test(value)
      ? value.replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/"/g, '\\"')
      : value;
    text += `${text === '' ? '' : ','}${name}="${escaped}"`;
  }
  return text as LabelText;
}

/**
 * A metric whose values are put in anew at each scrape, in Prometheus' text format 0.0.4. prom-client's own classes count by
 * themselves and keep what they counted; here the counts come from the servers, and those of a mount that is gone must be
 * gone. Lines are written as they are added, because formatting label objects one by one took most of the time of a scrape
 * of 50 mounts (11 000 lines).
 */
export class Family {
  readonly name: string;
  readonly #head: string;
  #lines = '';

  constructor(type: FamilyType, name: string, help: string) {
    this.name = name;
    this.#head = `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
  }

  /** Adds a line; a value that isn't there is not exported. */
  add(value: number | null | undefined, labels: LabelText = NO_LABELS): void {
    if (value === null || value === undefined) return;
    this.#lines += labels === '' ? `${this.name} ${value}\n` : `${this.name}{${labels}} ${value}\n`;
  }

  /** Adds the lines of a histogram. `buckets` are cumulative, with finite upper bounds that rise. */
  addHistogram(
    buckets: ReadonlyArray<{le: number; count: number}>,
    count: number,
    sum: number,
    labels: LabelText,
  ): void {
    const bucket = `${this.name}_bucket{${labels},le="`;
    let lines = '';
    for (const {le, count: below} of buckets) lines += `${bucket}${le}"} ${below}\n`;
    this.#lines += `${lines}${bucket}+Inf"} ${count}\n${this.name}_sum{${labels}} ${sum}\n${this.name}_count{${labels}} ${count}\n`;
  }

  /** The lines with their head. A family without lines has none. */
  text(): string {
    return this.#lines === '' ? '' : `${this.#head}${this.#lines}\n`;
  }
}
