// `sluice doctor`: one finding for each thing that can be wrong, each with what to do about it; and none without.
import { describe, expect, test } from 'bun:test';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { parseConfig } from '../../src/config.ts';
import { examine, type Finding } from '../../src/doctor/index.ts';
import { createSystemClock, DAY_MS } from '../../src/runtime/clock.ts';
import { openHandle } from '../../src/store/driver.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { openWorld } from '../support/world.ts';
import { startGateway } from './gateway.ts';
import { makeScene } from './scene.ts';
import { runSluice, type Folder } from './terminal.ts';

const { newFolder, atEnd } = makeScene();

/** A folder on which a gateway has run. */
async function usedFolder(environment: Record<string, string> = {}): Promise<Folder> {
  const folder = newFolder(environment);
  await folder.sluice('migrate');
  await folder.sluice('customers', 'create', '--name', 'Acme', '--credits', '500');
  return folder;
}

type Report = { ok: boolean; server: string; findings: number; checks: Finding[] };

async function findingsOf(folder: Folder): Promise<Finding[]> {
  const { code, json } = await folder.sluice('doctor', '--json');
  const { ok, findings, checks } = json() as Report;
  const found = checks.filter(({ isOk }) => !isOk);
  expect([ok, code, findings]).toEqual([found.length === 0, found.length === 0 ? 0 : 1, found.length]);
  for (const { advice } of found) expect(advice).toBeTruthy();
  return found;
}

function execute(folder: Folder, sql: string): void {
  const handle = openHandle(join(folder.dir, 'sluice.db'), {});
  handle.exec(sql);
  handle.close();
}

describe('a folder in order', () => {
  test('has no finding, while the gateway runs and when it does not, and nothing is changed', async () => {
    const folder = await usedFolder();
    const names = () => readdirSync(folder.dir).filter((name) => !/-(wal|shm)$/.test(name));
    const before = [names(), readFileSync(join(folder.dir, 'sluice.db'))];
    const stopped = await folder.sluice('doctor');
    expect([stopped.code, stopped.notes]).toEqual([0, '']);
    expect(stopped.out).toContain('does not run on this folder');
    expect(stopped.out).toEndWith('All is well.');
    expect([names(), readFileSync(join(folder.dir, 'sluice.db'))]).toEqual(before);

    const { url, stop } = await startGateway(folder.dir);
    atEnd(stop);
    const running = await folder.sluice('doctor');
    expect([running.code, running.out]).toEqual([0, expect.stringContaining(`runs at ${url}`)]);
    for (const check of [
      'models',
      'data folder',
      'disk',
      'database',
      'schema',
      'clock',
      'master key',
      'operator key',
      'media',
      'books',
      'audit',
    ]) {
      expect(running.out).toMatch(new RegExp(`^ok +${check} `, 'm'));
    }
  });

  test('may be one that was never used, or is only a database', async () => {
    const folder = newFolder();
    await folder.sluice('migrate');
    expect(await findingsOf(folder)).toEqual([]);
    unlinkSync(join(folder.dir, 'sluice.db'));
    expect(await findingsOf(folder)).toEqual([]);
  });

  test('says ahead which models come to their end, and finds no fault in it', async () => {
    const { dir } = await usedFolder();
    const config = parseConfig({ SLUICE_DATA_DIR: dir });
    const on = async (day: string) => {
      const clock = { ...createManualClock(), now: () => Date.parse(day) };
      return (await examine({ config, clock, userId: null })).find(({ check }) => check === 'models');
    };
    expect(await on('2026-11-21')).toMatchObject({
      isOk: true,
      detail: expect.stringContaining('openai/gpt-image-1.5 ends on 2026-12-01'),
      advice: expect.stringContaining('openai/gpt-image-2.5-flare'),
    });
    expect(await on('2026-12-01')).toMatchObject({
      isOk: true,
      detail: expect.stringContaining('openai/gpt-image-1.5 has ended on 2026-12-01'),
    });
    expect(await on('2026-06-01')).toMatchObject({ isOk: true, advice: null });
  });

  test('keeps its keys to itself', async () => {
    const folder = await usedFolder();
    const secrets = ['master.key', 'operator.key'].map((name) =>
      readFileSync(join(folder.dir, name), 'utf8').trim(),
    );
    const { out } = await folder.sluice('doctor', '--json');
    for (const secret of secrets) expect(out).not.toContain(secret);
  });
});

describe('a finding', () => {
  type Case = { spoil: (folder: Folder) => void; check: string; says: RegExp; advises: RegExp };
  const CASES: Record<string, Case> = {
    'a folder that is not there': {
      spoil: ({ dir }) => rmSync(dir, { recursive: true }),
      ...{ check: 'data folder', says: /does not exist/, advises: /SLUICE_DATA_DIR/ },
    },
    'a file in the place of the folder': {
      spoil: ({ dir }) => (rmSync(dir, { recursive: true }), writeFileSync(dir, '')),
      ...{ check: 'data folder', says: /is not a folder/, advises: /SLUICE_DATA_DIR/ },
    },
    'a folder that others may read': {
      spoil: ({ dir }) => chmodSync(dir, 0o755),
      ...{ check: 'data folder', says: /others may use .*data \(mode 755\)/, advises: /^chmod 700 / },
    },
    'a database that others may read': {
      spoil: ({ dir }) => chmodSync(join(dir, 'sluice.db'), 0o640),
      ...{ check: 'data folder', says: /sluice\.db \(mode 640\)/, advises: /^chmod 600 / },
    },
    'an interrupted restore': {
      spoil: ({ dir }) => writeFileSync(join(dir, 'restore-under-way'), '', { mode: 0o600 }),
      ...{ check: 'data folder', says: /half-way/, advises: /sluice restore/ },
    },
    'a database that is none': {
      spoil: ({ dir }) => writeFileSync(join(dir, 'sluice.db'), 'no database'.repeat(1000)),
      ...{ check: 'database', says: /damaged/, advises: /sluice restore/ },
    },
    'a damaged page': {
      spoil: ({ dir }) => {
        const bytes = readFileSync(join(dir, 'sluice.db'));
        bytes.fill(0x5a, 20 * 4096, 30 * 4096);
        writeFileSync(join(dir, 'sluice.db'), bytes);
      },
      ...{ check: 'database', says: /damaged \(.*\)$/, advises: /sluice restore/ },
    },
    'files of a database that is not there': {
      spoil: ({ dir }) => {
        rmSync(join(dir, 'sluice.db'));
        mkdirSync(join(dir, 'media', 'sc'), { recursive: true });
        writeFileSync(join(dir, 'media', 'sc', 'file_01m7xyqn02e3fa7ae8dqfy7sce'), 'x');
      },
      ...{ check: 'database', says: /is missing, and .*media holds stored files/, advises: /SLUICE_MEDIA/ },
    },
    'a newer schema': {
      spoil: (folder) => execute(folder, "INSERT INTO schema_migrations VALUES (99, 'later', 'h', 0)"),
      ...{ check: 'schema', says: /newer/, advises: /start the build that has made it/ },
    },
    'rows of the future': {
      spoil: (folder) =>
        execute(
          folder,
          `INSERT INTO audit_events SELECT seq + 1000, id || 'x', actor, action, target, address_hash, request_id, summary,
           before, after, created_at + 86400000, prev_hash, hash FROM audit_events LIMIT 1`,
        ),
      ...{ check: 'clock', says: /newest row is of/, advises: /clock/ },
    },
    'a master key that others may read': {
      spoil: ({ dir }) => chmodSync(join(dir, 'master.key'), 0o644),
      ...{ check: 'master key', says: /can be read by others/, advises: /owner/ },
    },
    'no master key': {
      spoil: ({ dir }) => unlinkSync(join(dir, 'master.key')),
      ...{ check: 'master key', says: /cannot be read/, advises: /put the master key in place/ },
    },
    'another master key': {
      spoil: ({ dir }) => writeFileSync(join(dir, 'master.key'), 'ab'.repeat(32)),
      ...{ check: 'master key', says: /is not the one/, advises: /right one/ },
    },
    'another master key beside a lock file that is none': {
      spoil: ({ dir }) => {
        writeFileSync(join(dir, 'sluice.lock'), 'no lock'.repeat(1000));
        writeFileSync(join(dir, 'master.key'), 'ab'.repeat(32));
      },
      ...{ check: 'master key', says: /is not the one/, advises: /right one/ },
    },
    'no operator key': {
      spoil: ({ dir }) => unlinkSync(join(dir, 'operator.key')),
      ...{ check: 'operator key', says: /is missing/, advises: /next start/ },
    },
    'an operator key that can be guessed': {
      spoil: ({ dir }) => writeFileSync(join(dir, 'operator.key'), 'short'),
      ...{ check: 'operator key', says: /fewer than 32/, advises: /delete/ },
    },
    'a wallet that somebody has filled by hand': {
      spoil: (folder) => execute(folder, 'UPDATE wallets SET balance = balance + 1000000'),
      ...{ check: 'books', says: /balance is not what the entries add up to/, advises: /backup/ },
    },
    'an audit that somebody has changed': {
      spoil: (folder) =>
        execute(
          folder,
          "DROP TRIGGER audit_keep_update; UPDATE audit_events SET summary = 'nothing happened'",
        ),
      ...{ check: 'audit', says: /event 1 was changed/, advises: /backup/ },
    },
  };

  for (const [name, { spoil, check, says, advises }] of Object.entries(CASES)) {
    test(`for ${name}`, async () => {
      const folder = await usedFolder();
      spoil(folder);
      const found = await findingsOf(folder);
      expect(found).toContainEqual(
        expect.objectContaining({
          check,
          detail: expect.stringMatching(says),
          advice: expect.stringMatching(advises),
        }),
      );
      const shown = await folder.sluice('doctor');
      expect(shown.code).toBe(1);
      expect(shown.out).toMatch(new RegExp(`^BAD +${check} `, 'm'));
      expect(shown.out).toMatch(/^ +-> /m);
    });
  }

  test('for a folder of somebody else, unless the super-user looks', async () => {
    const folder = await usedFolder();
    const owner = process.getuid?.() ?? 0;
    const as = (userId: number) =>
      runSluice(['doctor'], { environment: { SLUICE_DATA_DIR: folder.dir }, userId });
    expect((await as(owner + 1)).out).toContain(`belongs to user ${owner}, and this is user ${owner + 1}`);
    expect((await as(0)).code).toBe(0);
  });

  test('for a disk with little room, long before work is refused', async () => {
    const folder = await usedFolder();
    const config = parseConfig({ SLUICE_DATA_DIR: folder.dir });
    const examination = { config, clock: createSystemClock(), userId: null, freeBytes: () => 200 * 2 ** 20 };
    const found = (await examine(examination)).filter(({ isOk }) => !isOk);
    expect(found.map(({ check, detail }) => `${check}: ${detail}`)).toEqual([
      expect.stringMatching(/^disk: 200 MiB free/),
      expect.stringMatching(/^disk: 200 MiB free/),
    ]);
  });

  test('for a clock that was never set', async () => {
    const folder = await usedFolder();
    const config = parseConfig({ SLUICE_DATA_DIR: folder.dir });
    const clock = { ...createSystemClock(), now: () => DAY_MS };
    const found = (await examine({ config, clock, userId: null })).filter(({ isOk }) => !isOk);
    expect(found).toEqual([
      expect.objectContaining({ check: 'clock', detail: expect.stringContaining('1970') }),
    ]);
  });
});

describe('stored files', () => {
  /** A gateway of the test's clock with three images in its media folder. */
  async function withImages() {
    const world = await openWorld();
    atEnd(world.close);
    const { testKey: key } = await world.customer();
    for (const idempotencyKey of ['a', 'b', 'c']) {
      await world.call('POST', '/v1/images/generate', { key, idempotencyKey, body: { prompt: 'a bay' } });
    }
    await world.advance(10_000);
    const media = join(world.dir, 'media');
    const paths = readdirSync(media, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    const config = parseConfig({ SLUICE_DATA_DIR: world.dir });
    const look = async () => {
      const findings = await examine({ config, clock: world.clock, userId: null });
      return findings.filter(({ check }) => check === 'media');
    };
    return { world, media, paths, look };
  }

  test('that are gone or cut short are named', async () => {
    const { paths, look } = await withImages();
    expect(await look()).toEqual([
      expect.objectContaining({ isOk: true, detail: expect.stringContaining('3 rows') }),
    ]);
    const [gone = '', cut = ''] = paths;
    unlinkSync(gone);
    truncateSync(cut, 3);
    const [finding, ...more] = await look();
    expect(more).toEqual([]);
    expect(finding?.isOk).toBe(false);
    expect(finding?.detail).toContain('2 of 3 files are missing or cut short');
    for (const path of [gone, cut]) expect(finding?.detail).toContain(path.split('/').at(-1) ?? '');
  });

  test('that no row names are a finding once the nightly sweep has passed them by', async () => {
    const { world, media, paths, look } = await withImages();
    const stranger = join(media, '00', 'file_0000000000000000000000000a');
    mkdirSync(join(media, '00'), { recursive: true });
    writeFileSync(stranger, 'nobody knows me');
    const [now] = [world.clock.now()];
    const age = (ms: number) => {
      for (const path of [stranger, ...paths]) utimesSync(path, (now - ms) / 1000, (now - ms) / 1000);
    };
    age(DAY_MS);
    expect(await look()).toEqual([expect.objectContaining({ isOk: true })]);
    age(3 * DAY_MS);
    expect(await look()).toEqual([
      expect.objectContaining({
        isOk: false,
        detail: expect.stringContaining('1 of 4 old files are in no row'),
      }),
    ]);
    expect(existsSync(stranger)).toBe(true);
  });
});
