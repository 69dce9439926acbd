/** Takes events with their values; pino's loggers fit. Text from the other end is sanitized before it comes here. */
export interface Log {
  debug(values: Record<string, unknown>, text: string): void;
  info(values: Record<string, unknown>, text: string): void;
  warn(values: Record<string, unknown>, text: string): void;
}

/** Keeps nothing. */
export const silent: Log = {debug() {}, info() {}, warn() {}};
