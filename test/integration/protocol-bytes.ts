/**
 * The packets of the fuse service protocol written byte by byte, as its description has them and independent of the codecs in
 * src/service: the magic in ASCII, integers big-endian, texts with their NUL.
 */

export const u16 = (value: number): Buffer => Buffer.from([value >>> 8, value & 0xff]);
export const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};
export const text = (value: string): Buffer => Buffer.from(`${value}\0`);

/** A packet: its four letters, then its parts. */
export function packet(letters: string, ...parts: Buffer[]): Buffer {
  return Buffer.concat([Buffer.from(letters, 'latin1'), ...parts]);
}

export const open = (path: string, {flags = 0, request = 0, blockSize = 0, letters = 'OPEN'} = {}): Buffer =>
  packet(letters, u32(flags), u32(0), u32(request), u32(blockSize), text(path));
export const type = (flags: number): Buffer => packet('TYPE', u32(flags));
export const name = (value: string): Buffer => packet('NAME', text(value));
export const opts = (value: string): Buffer => packet('OPTS', text(value));
export const mtab = (value: string): Buffer => packet('MTAB', text(value));
export const mntp = (path: string, format = 0, padding = 0): Buffer =>
  packet('MNTP', u16(format), u16(padding), text(path));
export const doit = (flags = 0): Buffer => packet('DOIT', u32(flags));
export const bye = (code: number): Buffer => packet('BYEE', u32(code));
export const file = (path: string, error = 0): Buffer => packet('FILE', u32(error), text(path));
export const reply = (error = 0): Buffer => packet('REPL', u32(error));
export const hello = ({min = 1, max = 1, flags = 1} = {}): Buffer =>
  packet('SAFT', u16(min), u16(max), u32(flags));

/** The argument file: a table of positions and lengths, then the strings, with a gap after the first as libfuse leaves one. */
export function argumentFile(strings: readonly string[], gap = 7): Buffer {
  const texts = strings.map(text);
  let position = 8 + 8 * texts.length;
  const table: Buffer[] = [];
  const body: Buffer[] = [];
  for (const each of texts) {
    table.push(u32(position), u32(each.length));
    body.push(each, Buffer.alloc(gap, 0x2d));
    position += each.length + gap;
  }
  return Buffer.concat([Buffer.from('ARGS'), u32(texts.length), ...table, ...body]);
}
