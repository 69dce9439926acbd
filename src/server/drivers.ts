import type {BlockSource} from '../block/index.js';
import {detectType} from './detect.js';
import {type Driver, MountRefusal} from './driver.js';
import {ext4Driver} from './ext4-driver.js';
import {rawDriver} from './raw-driver.js';
import {stripefsDriver} from './stripefs-driver.js';

const DRIVERS: readonly Driver[] = [ext4Driver, rawDriver, stripefsDriver];

/** The driver for a type name, and the name under which the mount is shown. */
export interface ChosenDriver {
  readonly driver: Driver;
  readonly type: string;
}

function driverFor(type: string): Driver | undefined {
  return DRIVERS.find(({types}) => types.includes(type));
}

/**
 * The driver for `type`, or with `auto` the one for what the source looks like.
 * @throws MountRefusal when the source is nothing known, or something known that no driver is there for (exit code 2)
 */
export function chooseDriver(type: string, source: BlockSource): ChosenDriver {
  if (type !== 'auto') {
    const driver = driverFor(type);
    if (driver === undefined)
      throw new MountRefusal('ENODEV', 'no-driver', `there is no driver for ${type}`, 2);
    return {driver, type};
  }
  const detected = detectType(source);
  if (detected === undefined) {
    throw new MountRefusal('EINVAL', 'no-file-system', 'it holds no file system that is known here');
  }
  const driver = driverFor(detected);
  if (driver === undefined) {
    throw new MountRefusal(
      'ENODEV',
      'no-driver',
      `it holds ${detected}, for which there is no driver here`,
      2,
      detected,
    );
  }
  return {driver, type: detected};
}
