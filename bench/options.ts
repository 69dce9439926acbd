import {type ParseArgsConfig, parseArgs} from 'node:util';

/**
 * The options of one of these programs. Ends it with the usage, with exit code 0 where `--help` asks for that, and 2 where there is a word that it does
 * not know.
 * @param usage what stands behind `npm run`
 */
export function optionsOf<T extends ParseArgsConfig>(
  usage: string,
  config: T,
): ReturnType<typeof parseArgs<T>> {
  const line = `usage: npm run ${usage} (bench/README.md tells more)`;
  if (process.argv.slice(2).includes('--help')) {
    process.stdout.write(`${line}\n`);
    process.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${line}\n`);
    process.exit(2);
  }
}
