/** What a conversation about mappings counts; statistics may put these into shared memory. */
export interface IomapCounters {
  /** Questions for mappings, by what they were for. */
  beginRead: number;
  beginWrite: number;
  beginZero: number;
  beginWriteback: number;
  beginReport: number;
  /** Operations and I/O that were told to be over. */
  ends: number;
  ioends: number;
  /** I/O that the kernel told had failed. */
  ioErrors: number;
  /** Mappings put into the kernel's cache, and those it did not take. */
  upserts: number;
  upsertFailures: number;
  /** Ranges of files, and of devices, that it was made to forget. */
  invalidations: number;
  deviceInvalidations: number;
  /** Answers "look into your cache". */
  retries: number;
  /** Questions, ends and I/O answered with an error. */
  errors: number;
}

/** Counters in plain memory. */
export function newIomapCounters(): IomapCounters {
  return {
    ...{beginRead: 0, beginWrite: 0, beginZero: 0, beginWriteback: 0, beginReport: 0},
    ...{ends: 0, ioends: 0, ioErrors: 0, upserts: 0, upsertFailures: 0},
    ...{invalidations: 0, deviceInvalidations: 0, retries: 0, errors: 0},
  };
}
