import type {Notifier} from '../../sys/notify.js';

/** What is watched over. */
export interface Watched {
  /** Whether it does its work. */
  alive(): Promise<boolean>;
}

/**
 * Gives signs of life to the service manager, twice in the time within which it expects one, each after a look at whether the manager
 * works; a process that only runs gives none. The returned function ends it.
 */
export function startWatchdog(
  watched: Watched,
  notifier: Pick<Notifier, 'alive'>,
  {everyMs, onSilent}: {everyMs: number; onSilent: () => void},
): () => void {
  let isAsking = false;
  const look = async (): Promise<void> => {
    // One that takes longer than the interval is asked once.
    if (isAsking) return;
    isAsking = true;
    try {
      if (await watched.alive()) notifier.alive();
      else onSilent();
    } finally {
      isAsking = false;
    }
  };
  const timer = setInterval(() => void look(), everyMs / 2);
  void look();
  return () => clearInterval(timer);
}
