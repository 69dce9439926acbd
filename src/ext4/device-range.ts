import {Ext4Error} from './errors.js';
import {type FileRange, NO_ADDRESS, RANGE} from './map-range.js';
import type {RangeSet} from './range-set.js';

/** What has to be known of the device to name places on it. */
export interface DeviceView {
  /** Bytes. */
  readonly size: number;
  readonly blockSize: number;
  /** Blocks of the device whose content is not the newest: the journal's replay is laid over them in memory. */
  readonly overlaid: RangeSet;
}

/**
 * Shortens a range to what somebody who reads the device by himself may be told. Data that the journal holds newer than
 * its place becomes RANGE.overlaid; what is unwritten is not read from its place, so that stays.
 * @throws Ext4Error EIO `data-missing` where the range does not lie on the device
 */
export function restrictToDevice(range: FileRange, {size, blockSize, overlaid}: DeviceView): void {
  if (range.address === NO_ADDRESS) return;
  const {address, length} = range;
  if (address >= size) throw new Ext4Error('EIO', 'data-missing', {position: address, length, size});
  range.length = Math.min(length, size - address);
  if (range.kind !== RANGE.written) return;
  const first = Math.floor(address / blockSize);
  const over = overlaid.next(first);
  if (over > first) {
    range.length = Math.min(range.length, over * blockSize - address);
    return;
  }
  range.length = Math.min(range.length, overlaid.endOf(first) * blockSize - address);
  range.kind = RANGE.overlaid;
  range.address = NO_ADDRESS;
}
