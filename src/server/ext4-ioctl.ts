import type {FsXattr, Inode, Volume} from '../ext4/index.js';
import {failure, type IoctlRequest, type IoctlResult} from '../fuse/index.js';
import {viewOf} from '../wire/index.js';

/** Numbers of linux/fs.h and ext4's header, as 64-bit callers use them; the 32-bit ones differ in the size they encode. */
const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC32_GETFLAGS = 0x80046601;
const FS_IOC_GETVERSION = 0x80087601;
const FS_IOC32_GETVERSION = 0x80047601;
const EXT4_IOC_GETVERSION = 0x80086603;
const FS_IOC_FSGETXATTR = 0x801c581f;
const FS_IOC_GETFSLABEL = 0x81009431;
const FS_IOC_GETFSUUID = 0x80111500;

const LABEL_SIZE = 256;

function word(value: number): IoctlResult {
  const data = new Uint8Array(4);
  viewOf(data).setUint32(0, value, true);
  return {result: 0, data};
}

/** struct fsxattr: xflags, extsize, nextents, projid, cowextsize, 8 bytes of padding. */
function fsxattr({xflags, extsize, nextents, projid, cowextsize}: FsXattr): IoctlResult {
  const data = new Uint8Array(28);
  const view = viewOf(data);
  for (const [index, value] of [xflags, extsize, nextents, projid, cowextsize].entries()) {
    view.setUint32(index * 4, value, true);
  }
  return {result: 0, data};
}

function label(volume: Volume): IoctlResult {
  const data = new Uint8Array(LABEL_SIZE);
  data.set(volume.label().subarray(0, LABEL_SIZE - 1));
  return {result: 0, data};
}

/** struct fsuuid2: length, then 16 bytes. */
function uuid(volume: Volume): IoctlResult {
  const data = new Uint8Array(17);
  data[0] = 16;
  data.set(volume.uuid(), 1);
  return {result: 0, data};
}

/** The ioctls that only ask. @throws ENOTTY for all others, as a file system does for those it does not know */
export function answerIoctl(volume: Volume, inode: Inode, {cmd, outSize}: IoctlRequest): IoctlResult {
  const answer = ((): IoctlResult => {
    switch (cmd) {
      case FS_IOC_GETFLAGS:
      case FS_IOC32_GETFLAGS:
        return word(volume.flags(inode));
      case FS_IOC_GETVERSION:
      case FS_IOC32_GETVERSION:
      case EXT4_IOC_GETVERSION:
        return word(inode.generation);
      case FS_IOC_FSGETXATTR:
        return fsxattr(volume.fsxattr(inode));
      case FS_IOC_GETFSLABEL:
        return label(volume);
      case FS_IOC_GETFSUUID:
        return uuid(volume);
      default:
        throw failure('ENOTTY');
    }
  })();
  if ((answer.data?.length ?? 0) > outSize) throw failure('EINVAL');
  return answer;
}
