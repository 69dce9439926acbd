/** What the manager logs to: an event's values, then what happened. pino's loggers fit. */
export interface ManagerLog {
  debug(values: Record<string, unknown>, text: string): void;
  info(values: Record<string, unknown>, text: string): void;
  warn(values: Record<string, unknown>, text: string): void;
  error(values: Record<string, unknown>, text: string): void;
}
