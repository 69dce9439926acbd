import type {Metric} from 'prom-client';

/** One line of a scrape. `sharedLabels` are formatted once for all lines that hold the same object. */
interface Sample {
  readonly labels: Record<string, string | number>;
  readonly sharedLabels?: Record<string, string>;
  readonly value: number;
  readonly metricName?: string;
}

type FamilyType = 'counter' | 'gauge' | 'histogram';

/**
 * A metric whose values are put in anew at each scrape. prom-client's own classes count by themselves and keep what they
 * counted; here the counts come from the servers, and those of a mount that is gone must be gone.
 */
export class Family {
  readonly name: string;
  readonly help: string;
  readonly type: FamilyType;
  readonly #samples: Sample[] = [];

  constructor(type: FamilyType, name: string, help: string) {
    this.type = type;
    this.name = name;
    this.help = help;
  }

  /** Adds a line; a value that isn't there is not exported. */
  add(
    value: number | null | undefined,
    labels: Record<string, string> = {},
    sharedLabels?: Record<string, string>,
  ): void {
    if (value === null || value === undefined) return;
    this.#samples.push(sharedLabels === undefined ? {labels, value} : {labels, sharedLabels, value});
  }

  /** Adds the lines of a histogram. `buckets` are cumulative, with finite upper bounds that rise. */
  addHistogram(
    buckets: ReadonlyArray<{le: number; count: number}>,
    count: number,
    sum: number,
    sharedLabels: Record<string, string>,
  ): void {
    const bucket = `${this.name}_bucket`;
    const samples = this.#samples;
    for (const {le, count: below} of buckets) {
      samples.push({metricName: bucket, labels: {le}, sharedLabels, value: below});
    }
    samples.push({metricName: bucket, labels: {le: '+Inf'}, sharedLabels, value: count});
    samples.push({metricName: `${this.name}_sum`, labels: {}, sharedLabels, value: sum});
    samples.push({metricName: `${this.name}_count`, labels: {}, sharedLabels, value: count});
  }

  /** What prom-client's registry asks a metric for. */
  async get() {
    return {
      name: this.name,
      help: this.help,
      type: this.type,
      values: this.#samples,
      aggregator: 'sum',
    };
  }

  /** As the registry's types want it: they name prom-client's classes, its code only calls `get()`. */
  asMetric(): Metric {
    return this as unknown as Metric;
  }
}
