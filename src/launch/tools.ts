import {accessSync, constants} from 'node:fs';

/** bubblewrap, prlimit and Node are looked for here and nowhere else: PATH is the caller's. */
const TOOL_DIRECTORIES = ['/usr/bin', '/usr/local/bin', '/bin'];

/** The absolute path of a tool, or undefined when the machine has none. */
export function findTool(name: string): string | undefined {
  for (const directory of TOOL_DIRECTORIES) {
    try {
      accessSync(`${directory}/${name}`, constants.X_OK);
      return `${directory}/${name}`;
    } catch {
      // Look further.
    }
  }
  return undefined;
}

/** The same for one without which nothing goes. @throws Error in a sentence */
export function requireTool(name: string, package_: string): string {
  const path = findTool(name);
  if (path === undefined) {
    throw new Error(`can't start a contained server: ${name} is missing (Debian package ${package_})`);
  }
  return path;
}
