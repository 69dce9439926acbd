const SUFFIXES = ['', 'K', 'M', 'G', 'T', 'P'] as const;

/** Bytes for people: `0`, `512`, `1.5M`, `16M`; powers of 1024, at most five characters. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let power = 0;
  // 1023.5 and more would be rounded up to four digits.
  while (value >= 1023.5 && power < SUFFIXES.length - 1) {
    value /= 1024;
    power++;
  }
  return `${short(value)}${SUFFIXES[power]}`;
}

/** Three significant digits at most, without zeros that tell nothing. */
function short(value: number): string {
  if (value >= 100 || Number.isInteger(value)) return value.toFixed(0);
  return value.toFixed(value >= 10 ? 1 : 2).replace(/\.?0+$/, '');
}

/** A count for people, powers of 1000: `999`, `12.3k`, `4M`. */
export function formatCount(count: number): string {
  const steps = ['', 'k', 'M', 'G', 'T'] as const;
  let value = count;
  let power = 0;
  while (value >= 999.5 && power < steps.length - 1) {
    value /= 1000;
    power++;
  }
  return `${short(value)}${steps[power]}`;
}

/** A duration for people, from seconds: `3.2µs`, `15ms`, `2.5s`, `3m 20s`, `5h 3m`, `12d 4h`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 0.000_999_5) return `${short(seconds * 1e6)}µs`;
  if (seconds < 0.999_5) return `${short(seconds * 1e3)}ms`;
  if (seconds < 59.95) return `${short(seconds)}s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${whole % 60}s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)}h ${Math.floor((whole % 3600) / 60)}m`;
  return `${Math.floor(whole / 86_400)}d ${Math.floor((whole % 86_400) / 3600)}h`;
}

/** A share as per cent: `99.7 %`; a dash where there is none yet. Rounding never makes "nearly all" all. */
export function formatShare(share: number | null | undefined): string {
  if (share === null || share === undefined) return '-';
  const percent = 100 * share;
  const rounded = percent > 99.9 && percent < 100 ? 99.9 : percent > 0 && percent < 0.1 ? 0.1 : percent;
  return `${rounded.toFixed(1)} %`;
}

/** The largest size that is told apart from its neighbours. */
const LARGEST = Number.MAX_SAFE_INTEGER;

/**
 * Reads a size: digits, with K, M, G or T (also KiB, MiB, …; powers of 1024) behind them. Bytes; undefined for anything else,
 * and for what is above 2^53 - 1.
 */
export function parseSize(text: string): number | undefined {
  const match = /^(\d{1,16}(?:\.\d{1,9})?)(?:([kmgt])(?:i?b)?)?$/i.exec(text.trim());
  if (match === null) return undefined;
  const power = SUFFIXES.indexOf((match[2] ?? '').toUpperCase() as (typeof SUFFIXES)[number]);
  const bytes = Number(match[1]) * 1024 ** power;
  return Number.isInteger(bytes) && bytes <= LARGEST ? bytes : undefined;
}
