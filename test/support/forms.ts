/**
 * Whether tests run in their long forms, which repeat what the short ones prove on more images and with more mounts:
 * `npm run test:long`.
 */
export const LONG: boolean = process.env['FUSEWARD_LONG_TESTS'] !== undefined;
