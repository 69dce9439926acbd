/** How many letters have to be put in, taken out or replaced to make one word of the other. */
function distance(a: string, b: string): number {
  let row = Array.from({length: b.length + 1}, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

/** Longer words are nobody's slip, and comparing them would take time. */
const LONGEST = 64;

/** The word that was probably meant; undefined when none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > LONGEST) return undefined;
  const flat = word.toLowerCase().replaceAll('-', '_');
  let best: {name: string; off: number} | undefined;
  for (const name of known) {
    const off = distance(flat, name);
    if (off <= Math.max(1, Math.floor(name.length / 3)) && off < (best?.off ?? Number.POSITIVE_INFINITY))
      best = {name, off};
  }
  return best?.name;
}
