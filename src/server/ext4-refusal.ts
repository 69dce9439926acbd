import {type ErrorDetails, Ext4Error, UnsupportedError} from '../ext4/index.js';
import {MountRefusal} from './driver.js';

/** Sentences for the refusals that people meet. The others are told by their code and values. */
const SENTENCES: Readonly<Record<string, (details: ErrorDetails) => string>> = {
  'not-ext4': () => 'it holds no ext2, ext3 or ext4 file system',
  'superblock-short': () => 'it is too small to hold an ext2, ext3 or ext4 file system',
  'superblock-checksum': () => "the superblock's checksum is wrong",
  'device-too-small': ({blocks, deviceBlocks}) =>
    `the file system has ${blocks} blocks and there are ${deviceBlocks}: the image is truncated`,
  'incompat-features': ({features}) => `it uses features that are not known here: ${features}`,
  'journal-external': () => 'its journal lies on another device',
  'journal-device': () => 'it is the journal of another file system',
  'mmp-in-use': () => 'multiple mount protection says that it is in use on this or another machine',
  'mmp-fsck': () => 'multiple mount protection says that it is being checked',
};

function sentence({code, details, message}: Ext4Error): string {
  const known = SENTENCES[code];
  return known === undefined ? `its metadata does not hold together: ${message}` : known(details);
}

/** Why an image was not mounted, in a sentence for people; what is no error of the driver's comes back as it is. */
export function ext4Refusal(error: unknown): unknown {
  if (!(error instanceof Ext4Error)) return error;
  const text =
    error instanceof UnsupportedError && SENTENCES[error.code] === undefined
      ? `it uses something that is not supported here: ${error.message}`
      : sentence(error);
  return new MountRefusal(error.errno, error.code, text);
}
