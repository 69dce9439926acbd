let stopped = false;

/** From now on SIGINT and SIGTERM end the program at the next `pause` only, so that nothing is left mounted. */
export function stopBetween(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (stopped = true));
}

/** Between two measurements. @throws when the program is to stop */
export async function pause(): Promise<void> {
  await new Promise(setImmediate);
  if (stopped) throw new Error('stopped');
}
