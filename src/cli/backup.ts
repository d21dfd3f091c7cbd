// `sluice backup`: a consistent copy of a data folder, while the gateway runs or not.
import { join, resolve } from 'node:path';
import { makeBackup, stampOf, type Manifest } from '../backup/index.ts';
import { locateDataFolder } from '../data-folder.ts';
import { createSystemClock } from '../runtime/clock.ts';
import { CONFIG_OPTION, EXIT, JSON_OPTION, printJson, textOf, type Command } from './command.ts';
import { readConfig } from './settings.ts';

export const backup: Command = {
  name: 'backup',
  summary: 'copy database and stored files, while the gateway runs',
  details:
    'Makes a new folder with the database, the stored images and videos and a manifest with the hash of each, and ' +
    'checks all of it. The master key and the operator key are not in it: keep them elsewhere, for without the master ' +
    'key a backup cannot be used.',
  options: {
    to: {
      value: 'FOLDER',
      help: 'the folder to make; a new one in "backups" of the data folder unless told',
    },
    ...CONFIG_OPTION,
    ...JSON_OPTION,
  },
  example: 'sluice backup --to /mnt/backups/sluice-monday',
  async run(invocation) {
    const { terminal } = invocation;
    const clock = createSystemClock();
    const { dir: dataDir, mediaDir, backupsDir } = locateDataFolder(readConfig(invocation));
    const to = resolve(textOf(invocation, 'to') ?? join(backupsDir, stampOf(clock.now())));
    const made = await makeBackup({ dataDir, mediaDir, to, clock, hasMedia: true, progress: terminal.note });
    if (made.kind === 'refused') {
      terminal.note(`sluice backup: ${made.fault}.`);
      if (invocation.values['json'] === true) printJson(invocation, { ok: false, fault: made.fault });
      return EXIT.failed;
    }
    if (invocation.values['json'] === true) printJson(invocation, { ok: true, ...summaryOf(made) });
    else terminal.print(made.folder);
    for (const line of notesOf(made.manifest)) terminal.note(line);
    return EXIT.ok;
  },
};

/** A backup in figures. */
export function summaryOf({ folder, manifest }: { folder: string; manifest: Manifest }) {
  const { createdAt, schemaVersion, database, counts, media } = manifest;
  const bytes = media.files.reduce((sum, file) => sum + file.bytes, 0);
  return {
    ...{ folder, createdAt, schemaVersion, database, counts },
    media: { files: media.files.length, bytes, missing: media.missing },
    hasKeys: false,
  };
}

function notesOf({ counts, schemaVersion, media }: Manifest): string[] {
  const missing = media.missing.length;
  return [
    `Customers ${counts.customers}, jobs ${counts.jobs}, stored files ${media.files.length}; schema ${schemaVersion}.`,
    ...(missing === 0
      ? []
      : [`${missing} files that the database names were not there: 'sluice doctor' says more.`]),
    'The master key and the operator key are not in it: keep them elsewhere, and the master key as long as the backup.',
  ];
}
