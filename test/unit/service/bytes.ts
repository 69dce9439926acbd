/** Bytes written by hand: hex digits, and text between quotes; spaces mean nothing outside quotes. */
export function bytes(dump: string): Uint8Array {
  const out: number[] = [];
  for (const [part] of dump.matchAll(/'[^']*'|[0-9a-f]{2}|\S/gi)) {
    if (part.startsWith("'") && part.length > 1) out.push(...new TextEncoder().encode(part.slice(1, -1)));
    else if (/^[0-9a-f]{2}$/i.test(part)) out.push(Number.parseInt(part, 16));
    else throw new Error(`not a byte: ${part}`);
  }
  return Uint8Array.from(out);
}

/** As hex, for messages of failed comparisons. */
export function hex(packet: Uint8Array): string {
  return Buffer.from(packet).toString('hex');
}
