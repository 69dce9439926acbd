/** Bounds on what a client can cost; times in milliseconds. */
export const LIMITS = {
  bodyBytes: 16 * 1024,
  headerBytes: 8 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  /** How often the two above are looked at. */
  checkIntervalMs: 5_000,
  /** Of silence in both directions, unless an order is carried out: longer than any look takes, and than a heartbeat. */
  silenceMs: 120_000,
  keepAliveMs: 5_000,
  connections: 256,
} as const;
