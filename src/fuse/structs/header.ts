import {i32, pad, struct, u16, u32, u64} from '../../wire/index.js';

/** struct fuse_in_header: begins every request. */
export const inHeader = struct('fuse_in_header', 'le', 40, {
  /** Bytes of the whole request. */
  len: u32,
  opcode: u32,
  /** Request id, only echoed: two halves, as no number holds all of its 64 bits. Bit 63 marks a request sent again. */
  uniqueLow: u32,
  uniqueHigh: u32,
  nodeid: u64,
  uid: u32,
  gid: u32,
  pid: u32,
  /** Size of the extension block at the end of the request, in units of 8 bytes. */
  totalExtlen: u16,
  padding: pad(2),
});

/** struct fuse_out_header: begins every reply, and with unique 0 every notification. */
export const outHeader = struct('fuse_out_header', 'le', 16, {
  /** Bytes of the whole reply. */
  len: u32,
  /** 0, or a negative errno from -511 to -1; in a notification its positive code. */
  error: i32,
  uniqueLow: u32,
  uniqueHigh: u32,
});
