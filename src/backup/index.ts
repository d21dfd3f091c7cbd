// Backups: made online, checked, and put back; and the one that is taken before every upgrade.
export { makeBackup, type BackupOrder } from './make.ts';
export type { Manifest } from './manifest.ts';
export { restoreBackup } from './restore.ts';
export { stampOf } from './disk.ts';
export { backupBeforeUpgrade } from './upgrade.ts';
