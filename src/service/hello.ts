import {struct, u16, u32} from '../wire/index.js';
import {PROTOCOL_VERSION} from './magic.js';
import {fixedPacket, knownFlags, zeroPadding} from './packet.js';
import {ProtocolError} from './protocol-error.js';

/** SAFT flag: the helper will let `allow_other` pass. */
export const HELLO_ALLOW_OTHER = 1 << 0;
/** SAFT flag: the helper will mount fuseblk. */
export const HELLO_FUSEBLK = 1 << 1;
/** An unknown bit would change what the conversation means, so it is refused. */
const HELLO_KNOWN = HELLO_ALLOW_OTHER | HELLO_FUSEBLK;

/** The helper's first words. */
export interface Hello {
  minVersion: number;
  maxVersion: number;
  allowOther: boolean;
  fuseblk: boolean;
}

/** SAFT. Checks the flags; whether the versions suit is `chooseVersion`'s question. */
export const hello = fixedPacket(
  'SAFT',
  struct('SAFT', 'be', 12, {magic: u32, minVersion: u16, maxVersion: u16, flags: u32}),
  {
    fromWire(raw): Hello {
      const flags = knownFlags('SAFT', raw.flags, HELLO_KNOWN);
      return {
        minVersion: raw.minVersion,
        maxVersion: raw.maxVersion,
        allowOther: (flags & HELLO_ALLOW_OTHER) !== 0,
        fuseblk: (flags & HELLO_FUSEBLK) !== 0,
      };
    },
    toWire(value) {
      const flags = (value.allowOther ? HELLO_ALLOW_OTHER : 0) | (value.fuseblk ? HELLO_FUSEBLK : 0);
      return {fields: {minVersion: value.minVersion, maxVersion: value.maxVersion, flags}};
    },
  },
);

/** LAST. */
export const helloReply = fixedPacket(
  'LAST',
  struct('LAST', 'be', 8, {magic: u32, version: u16, padding: u16}),
  {
    fromWire(raw): {version: number} {
      zeroPadding('LAST', raw.padding);
      return {version: raw.version};
    },
    toWire: (value) => ({fields: {version: value.version}}),
  },
);

/** The version for a hello's range. @throws ProtocolError `version` (EOPNOTSUPP) when it does not hold ours. */
export function chooseVersion({minVersion, maxVersion}: Hello): number {
  if (minVersion > maxVersion || maxVersion < PROTOCOL_VERSION || minVersion > PROTOCOL_VERSION) {
    throw new ProtocolError('SAFT', 'version', 'EOPNOTSUPP', 'no common protocol version', {
      minVersion,
      maxVersion,
      ours: PROTOCOL_VERSION,
    });
  }
  return PROTOCOL_VERSION;
}
