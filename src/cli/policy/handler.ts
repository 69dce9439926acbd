import {existsSync} from 'node:fs';
import {resolve} from 'node:path';
import {MountError} from '../../helper/index.js';
import {
  POLICY_DIRECTORY,
  PolicyError,
  policySchema,
  problemText,
  SystemAccounts,
} from '../../policy/index.js';
import {
  type Command,
  CommandError,
  complain,
  EXIT,
  type OptionValues,
  print,
  UsageError,
} from '../command.js';
import {withManager} from '../mount-source.js';
import {harmless, json} from '../terminal/text.js';
import {checkPolicy} from './check.js';
import {explainReport} from './explain-report.js';
import {callerOf, explain} from './explanation.js';
import {policyDefinition} from './options.js';
import {runUnits} from './units.js';

function runCheck([path]: string[], values: OptionValues): number {
  const directory = (values['policy'] as string | undefined) ?? POLICY_DIRECTORY;
  if (path !== undefined && !existsSync(path))
    throw new CommandError(`can't check ${path}: there is no such file or directory`);
  const files = checkPolicy(resolve(path ?? directory));
  const wrong = files.some(({problems}) => problems.length > 0);
  if (values['json'] === true) print(json({ok: !wrong, files}, 2));
  else {
    for (const {file, problems, warnings} of files) {
      for (const problem of problems) print(harmless(problemText(problem)));
      for (const warning of warnings) print(`warning: ${harmless(problemText(warning))}`);
      if (problems.length === 0 && warnings.length === 0) print(harmless(`${file}: ok`));
    }
    if (files.length === 0) print(harmless(`${path ?? directory}: no policy files, what ships holds`));
  }
  return wrong ? EXIT.failed : EXIT.done;
}

async function runExplain([source, target]: string[], values: OptionValues): Promise<number> {
  const accounts = new SystemAccounts();
  const user = values['user'] as string | undefined;
  const caller = callerOf(user, accounts);
  if (caller === undefined) throw new CommandError(`can't explain it for ${user}: there is no such user`);
  const asJson = values['json'] === true;
  const type = values['type'] as string | undefined;
  const options = (values['options'] ?? []) as string[];
  try {
    const request = {source: source!, target: target!, type, options, ...caller};
    const explanation = await explain(request, values['policy'] as string | undefined);
    if (asJson) print(json(explanation, 2));
    else for (const line of explainReport(explanation, accounts)) print(line);
    return explanation.decision.allowed ? EXIT.done : EXIT.failed;
  } catch (error) {
    if (!(error instanceof MountError || error instanceof PolicyError)) throw error;
    const code = error instanceof MountError ? error.code : 'bad-policy';
    if (asJson) print(json({error: {message: error.message, code}}, 2));
    else complain(error.message);
    return EXIT.failed;
  }
}

async function runReload(_rest: string[], values: OptionValues): Promise<number> {
  await withManager(values, async (client) => {
    const {files} = await client.reloadPolicy();
    if (values['json'] === true) print(json({files}, 2));
    else
      print(
        files.length === 0
          ? 'no policy files, what ships holds'
          : `in force: ${files.map(harmless).join(', ')}`,
      );
  });
  return EXIT.done;
}

/** What editors check a file against while it is written. */
function runSchema(): number {
  print(json(policySchema(), 2));
  return EXIT.done;
}

/** Each of them with the number of arguments that it takes. */
const ACTIONS = new Map([
  ['check', {least: 0, most: 1, run: runCheck}],
  ['explain', {least: 2, most: 2, run: runExplain}],
  ['units', {least: 0, most: 0, run: runUnits}],
  ['schema', {least: 0, most: 0, run: runSchema}],
  ['reload', {least: 0, most: 0, run: runReload}],
]);

export const policyCommand: Command = {
  definition: policyDefinition,
  async run([name, ...rest], values) {
    const action = ACTIONS.get(name!);
    if (action === undefined) throw new UsageError(`"${name}" is none of ${[...ACTIONS.keys()].join(', ')}`);
    if (rest.length < action.least) throw new UsageError('an argument is missing');
    if (rest.length > action.most) throw new UsageError(`too many arguments: ${rest[action.most]}`);
    return await action.run(rest, values);
  },
};
