import {type DriverContext, MountRefusal} from './driver.js';

/** The whole number that an option has for a value; undefined without the option. @throws MountRefusal `bad-option` */
export function numberOption(
  options: DriverContext['options'],
  name: string,
  most: number = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const text = options.get(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > most) {
    throw new MountRefusal(
      'EINVAL',
      'bad-option',
      `option ${name}=${text} is not a number from 0 to ${most}`,
    );
  }
  return value;
}
