// The pages of docs/ that are made from the code, so that they cannot fall behind it: settings, errors, commands
// and models. `npm run docs` writes them; a test compares them.
import { commandHelp, COMMANDS, EXIT_CODES } from '../cli/index.ts';
import { SETTING_NAMES, SETTINGS } from '../config.ts';
import { ERROR_CATALOGUE, ERROR_CODES } from '../errors.ts';
import { modelsPage } from './models-page.ts';

/** Each generated page by its path from the root of the project. */
export function referencePages(): Readonly<Record<string, string>> {
  return {
    'docs/settings.md': settingsPage(),
    'docs/errors.md': errorsPage(),
    'docs/cli.md': cliPage(),
    'docs/models.md': page('Models', modelsPage()),
  };
}

const MADE_NOTE = '<!-- Made by `npm run docs`; edit the code instead. -->';

function settingsPage(): string {
  const rows = SETTING_NAMES.map((name) => {
    const { default: standard, meaning } = SETTINGS[name];
    return `| \`${name}\` | ${standard} | ${meaning} |`;
  });
  return page('Settings', [
    'Settings come from the environment, or from a file given as `--config FILE` with one `NAME=value` a line; the',
    'environment wins. `sluice config` prints the ones in force, each with its source. A wrong value stops the start with',
    'one sentence that names the setting.',
    '',
    '| Setting | Default | Meaning |',
    '| --- | --- | --- |',
    ...rows,
  ]);
}

function errorsPage(): string {
  const rows = ERROR_CODES.map((type) => {
    const { bse, status, retryable, meaning } = ERROR_CATALOGUE[type];
    return `| \`${type}\` | ${bse} | ${status} | ${retryable ? 'yes' : 'no'} | ${meaning} |`;
  });
  return page('Errors', [
    'Every refusal has one body on every API. Branch on `code` (the same as `error.type`), never on the status or the',
    'message:',
    '',
    '```json',
    '{',
    '  "ok": false,',
    '  "status": "error",',
    '  "request_id": "req_…",',
    '  "requestId": "req_…",',
    '  "code": "insufficient_credits",',
    '  "error": {',
    '    "code": "BSE1004",',
    '    "type": "insufficient_credits",',
    '    "message": "…",',
    '    "retryable": false,',
    '    "param": null,',
    '    "details": { "requiredCredits": 20, "creditsAvailable": 0 }',
    '  }',
    '}',
    '```',
    '',
    'A *retryable* error means that nothing was started and nothing charged: send the same request again, with the same',
    '`Idempotency-Key`, after `Retry-After` seconds where the header is there. `error.fields` names every field at fault.',
    'A job that fails later carries one of these types as its own `error.code`; its credits were given back.',
    '',
    'Where the status is 422, the Job API answers 400.',
    '',
    '| Type | Number | Status | Retryable | Meaning |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ]);
}

function cliPage(): string {
  return page('The command line', [
    'Results go to the standard output, everything else to the standard error. Every command reads the same settings as',
    "the server (see [Settings](settings.md)); `--json` prints what a script needs. 'sluice' alone lists the commands.",
    '',
    EXIT_CODES,
    '',
    '`customers` and `keys` speak the operator API: over HTTP when a gateway runs on the data folder, otherwise they open',
    'it for as long as they take. With `--json` they print the answer of that API.',
    ...COMMANDS.flatMap((command) => ['', `## ${command.name}`, '', '```text', commandHelp(command), '```']),
  ]);
}

function page(title: string, lines: string[]): string {
  return [`# ${title}`, '', MADE_NOTE, '', ...lines, ''].join('\n');
}
