import type {Accounts, Decision, Origin} from '../../policy/index.js';
import {printable} from '../terminal/text.js';
import {formatBytes} from '../terminal/units.js';
import type {Explanation, Verdict} from './explanation.js';

function place(origin: Origin | undefined): string {
  return origin === undefined ? '' : `${printable(origin.file)}:${origin.line}`;
}

function inBrackets(origin: Origin | undefined): string {
  return origin === undefined ? '' : ` (${place(origin)})`;
}

/** `allowed (FILE:LINE)`, or `denied: REASON (FILE:LINE)`. */
function verdict({allowed, reason, origin}: Decision): string {
  return `${allowed ? 'allowed' : `denied: ${printable(reason)}`}${inBrackets(origin)}`;
}

function detectedLine(type: string, told: Verdict): string {
  return `  if it holds ${type}: ${'refused' in told ? `refused: ${printable(told.refused)}` : verdict(told.decision)}`;
}

function sourceWords({kind, bytes}: Explanation['facts']['source']): string {
  switch (kind) {
    case 'file':
      return `a regular file of ${formatBytes(bytes)}`;
    case 'block':
      return `a block device of ${formatBytes(bytes)}`;
    case 'directory':
      return 'a directory';
    case 'name':
      return 'a name, no file of this machine';
  }
}

/** What policy says to a mount, for people: the verdict, the rules, what they were held against, the settings. */
export function explainReport(explanation: Explanation, accounts: Accounts): string[] {
  const {decision, facts, settings, detected, ordinaryUser} = explanation;
  const {caller, source, target, readOnly, options} = facts;
  const name = (uid: number): string => printable(accounts.userName(uid) ?? `user ${uid}`);
  const texts = options.map(({key, value}) => (value === undefined ? key : `${key}=${value}`));
  const width = Math.max(...settings.map(({key, value}) => `${key} = ${JSON.stringify(value)}`.length));
  const groups = [...new Set([caller.gid, ...caller.groups])].join(', ');
  return [
    verdict(decision),
    ...Object.entries(detected).map(([type, told]) => detectedLine(type, told)),
    ...(ordinaryUser === undefined ? [] : [`an ordinary user: ${verdict(ordinaryUser)}`]),
    '',
    'rules, the first that fits decides:',
    ...decision.considered.map((rule) => `  ${place(rule.origin)}: ${printable(rule.verdict)}`),
    ...(decision.considered.length === 0 ? ['  none was looked at'] : []),
    'they were held against:',
    `  caller:  ${name(caller.uid)} (${caller.uid}), groups ${groups}`,
    `  source:  ${printable(source.path)}: ${sourceWords(source)}${source.kind === 'name' ? '' : `, belongs to ${name(source.uid)}`}`,
    `  target:  ${printable(target.path)}: on ${target.fsType}, belongs to ${name(target.uid)}`,
    `  options: ${printable(texts.join(',')) || 'none'} (${readOnly ? 'read-only' : 'writable'})`,
    `  forced:  ${decision.forced.join(',') || 'none'}`,
    'settings:',
    ...settings
      .filter(({value}) => value !== undefined)
      .map(({key, value, origin}) =>
        `  ${`${key} = ${JSON.stringify(value)}`.padEnd(width)}  ${place(origin)}`.trimEnd(),
      ),
  ];
}
