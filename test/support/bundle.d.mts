/**
 * Makes one JavaScript file of a TypeScript program in the checkout, so that plain node can run it, and returns its path.
 * @param entry the program's path in the checkout
 */
export function bundle(entry: string): Promise<string>;
