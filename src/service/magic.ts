/**
 * The packets of the fuse service protocol by their magic: the first four bytes, ASCII, read as a big-endian u32.
 * The numbers are wire format; they are those of libfuse 3.19. `IOMA` belongs to fuseward's own extension.
 */
export const MAGIC = {
  /** hello, helper → server */
  SAFT: 0x53414654,
  /** hello reply, server → helper */
  LAST: 0x4c415354,
  /** a file or the error instead of it, helper → server */
  FILE: 0x46494c45,
  /** plain reply, helper → server */
  REPL: 0x5245504c,
  /** open a file, server → helper */
  OPEN: 0x4f50454e,
  /** open a block device, server → helper */
  BDEV: 0x42444556,
  /** kind of mount, server → helper */
  TYPE: 0x54595045,
  /** source name shown in the mount table, server → helper */
  NAME: 0x4e414d45,
  /** options for the kernel's file system, server → helper */
  OPTS: 0x4f505453,
  /** options for /etc/mtab, server → helper */
  MTAB: 0x4d544142,
  /** mount point, server → helper */
  MNTP: 0x4d4e5450,
  /** mount now, server → helper */
  DOIT: 0x444f4954,
  /** goodbye with the exit code, server → helper, no reply */
  BYEE: 0x42594545,
  /** iomap pre-approval (extension), server → helper */
  IOMA: 0x494f4d41,
  /** first word of the argument memfd, not a packet */
  ARGS: 0x41524753,
} as const;

/** Four-letter name of a packet. */
export type PacketName = Exclude<keyof typeof MAGIC, 'ARGS'>;

const NAMES = new Map<number, PacketName>(
  Object.entries(MAGIC)
    .filter(([name]) => name !== 'ARGS')
    .map(([name, value]) => [value, name as PacketName]),
);

/** The packet's name, or undefined for a magic that the protocol does not have. */
export function packetName(magic: number): PacketName | undefined {
  return NAMES.get(magic);
}

/** The only protocol version there is. */
export const PROTOCOL_VERSION = 1;
/** Bytes of the shortest packet: a magic alone. */
export const MIN_PACKET_SIZE = 4;
/** Bytes of the longest command that a helper takes. */
export const MAX_PACKET_SIZE = 65536;
/** PATH_MAX of linux/limits.h: bytes of the longest path, NUL included. */
export const PATH_MAX = 4096;
/**
 * SO_SNDBUF that both ends want from the socket: an OPEN command with a path of PATH_MAX bytes and one more
 * for its NUL must fit.
 */
export const MIN_SEND_BUFFER = 20 + PATH_MAX + 1;

/** Name under which the helper sends the argument memfd. */
export const ARGV_FILE = 'argv';
/** Name under which the helper sends the open /dev/fuse. */
export const FUSEDEV_FILE = 'fusedev';
/** The name whose OPEN turns the extension on; no file of the caller's, so libfuse's helper just refuses it. */
export const CONTROL_FILE = 'fuseward:control';
/** Extension: the name whose OPEN gives the server a listening socket, on which a manager reaches it later. */
export const LISTEN_FILE = 'fuseward:listen';
/**
 * Extension: the name whose OPEN gives the server the list of possible processors (/sys/devices/system/cpu/possible), when requests
 * may travel by io_uring; else it is refused.
 */
export const QUEUES_FILE = 'fuseward:queues';
/** Extension: names with this before them are what the helper has ready for a server that was started without it, `fuseward:given:plan`. */
export const GIVEN_PREFIX = 'fuseward:given:';
