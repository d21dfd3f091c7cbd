-- The first schema. Amounts are whole credits, instants are milliseconds since the epoch. Ids are text that begins
-- with the time, so that the order of ids is the order of creation and needs no index of its own.
-- What must never happen to money is forbidden here, in the database, and not only in the code above it.

CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

CREATE TABLE customers (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  email TEXT,
  external_id TEXT UNIQUE,
  plan TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('active', 'suspended', 'closed')),
  status_reason TEXT,
  limits TEXT NOT NULL,
  metadata TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

-- Only what an operator changed; what is not here comes from the catalogue's defaults.
CREATE TABLE plans (
  id TEXT PRIMARY KEY,
  settings TEXT NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE price_versions (
  model TEXT NOT NULL,
  version INTEGER NOT NULL CHECK (version >= 1),
  rule TEXT NOT NULL,
  actor TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (model, version)
) STRICT;
CREATE TRIGGER price_versions_keep_update BEFORE UPDATE ON price_versions
BEGIN SELECT RAISE(ABORT, 'price versions are append-only'); END;
CREATE TRIGGER price_versions_keep_delete BEFORE DELETE ON price_versions
BEGIN SELECT RAISE(ABORT, 'price versions are append-only'); END;

CREATE TABLE api_keys (
  id TEXT PRIMARY KEY,
  customer_id TEXT NOT NULL REFERENCES customers (id),
  mode TEXT NOT NULL CHECK (mode IN ('live', 'test')),
  name TEXT,
  prefix TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE,
  preset TEXT,
  scopes TEXT NOT NULL,
  ip_allowlist TEXT,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  last_used_at INTEGER,
  rotated_at INTEGER,
  successor_id TEXT,
  revoked_at INTEGER
) STRICT;
CREATE INDEX api_keys_by_customer ON api_keys (customer_id, id);

-- The running totals of the ledger, one row a customer and mode. `seq` and `head` are the end of the hash chain.
CREATE TABLE wallets (
  customer_id TEXT NOT NULL REFERENCES customers (id),
  mode TEXT NOT NULL CHECK (mode IN ('live', 'test')),
  balance INTEGER NOT NULL CHECK (balance >= 0 AND balance <= 9007199254740991),
  reserved INTEGER NOT NULL CHECK (reserved >= 0),
  seq INTEGER NOT NULL,
  head TEXT NOT NULL,
  PRIMARY KEY (customer_id, mode),
  CHECK (reserved <= balance)
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger_entries (
  id TEXT NOT NULL,
  customer_id TEXT NOT NULL,
  mode TEXT NOT NULL,
  seq INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('top_up', 'adjust', 'reserve', 'capture', 'release', 'refund')),
  balance_delta INTEGER NOT NULL,
  reserved_delta INTEGER NOT NULL,
  balance_after INTEGER NOT NULL CHECK (balance_after >= 0),
  reserved_after INTEGER NOT NULL CHECK (reserved_after >= 0 AND reserved_after <= balance_after),
  reservation_id TEXT,
  actor TEXT NOT NULL,
  reason TEXT,
  reference TEXT,
  request_id TEXT,
  created_at INTEGER NOT NULL,
  prev_hash TEXT NOT NULL,
  hash TEXT NOT NULL,
  PRIMARY KEY (customer_id, mode, seq),
  FOREIGN KEY (customer_id, mode) REFERENCES wallets (customer_id, mode),
  CHECK (kind <> 'top_up' OR (balance_delta > 0 AND reserved_delta = 0)),
  CHECK (kind <> 'adjust' OR (balance_delta <> 0 AND reserved_delta = 0)),
  CHECK (kind <> 'reserve' OR (balance_delta = 0 AND reserved_delta > 0)),
  CHECK (kind <> 'capture' OR (balance_delta < 0 AND reserved_delta = balance_delta)),
  CHECK (kind <> 'release' OR (balance_delta = 0 AND reserved_delta < 0)),
  CHECK (kind <> 'refund' OR (balance_delta > 0 AND reserved_delta = 0)),
  CHECK ((kind IN ('top_up', 'adjust')) = (reservation_id IS NULL))
) STRICT;
CREATE UNIQUE INDEX ledger_once ON ledger_entries (reservation_id, kind) WHERE reservation_id IS NOT NULL;
CREATE UNIQUE INDEX ledger_one_ending ON ledger_entries (reservation_id) WHERE kind IN ('capture', 'release');
CREATE UNIQUE INDEX ledger_one_reference ON ledger_entries (customer_id, mode, reference)
  WHERE kind = 'top_up' AND reference IS NOT NULL;
CREATE TRIGGER ledger_keep_update BEFORE UPDATE ON ledger_entries
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_keep_delete BEFORE DELETE ON ledger_entries
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
-- The wallet moves first; the entry tells of that move and follows the one before it, or is not written.
CREATE TRIGGER ledger_follows_wallet BEFORE INSERT ON ledger_entries WHEN NOT EXISTS (
  SELECT 1 FROM wallets
  WHERE customer_id = NEW.customer_id AND mode = NEW.mode AND balance = NEW.balance_after
    AND reserved = NEW.reserved_after AND seq = NEW.seq AND head = NEW.prev_hash
)
BEGIN SELECT RAISE(ABORT, 'an entry tells of the move that its wallet made'); END;
-- The entry becomes the end of its wallet's chain.
CREATE TRIGGER ledger_moves_head AFTER INSERT ON ledger_entries
BEGIN UPDATE wallets SET head = NEW.hash WHERE customer_id = NEW.customer_id AND mode = NEW.mode; END;
-- What ends a reservation is as large as the reservation, in the same wallet; a refund is as large as the capture.
CREATE TRIGGER ledger_ends_what_began BEFORE INSERT ON ledger_entries
WHEN NEW.kind IN ('capture', 'release', 'refund') AND NOT EXISTS (
  SELECT 1 FROM ledger_entries
  WHERE reservation_id = NEW.reservation_id AND kind = CASE NEW.kind WHEN 'refund' THEN 'capture' ELSE 'reserve' END
    AND customer_id = NEW.customer_id AND mode = NEW.mode
    AND CASE NEW.kind WHEN 'refund' THEN balance_delta = -NEW.balance_delta ELSE reserved_delta = -NEW.reserved_delta END
)
BEGIN SELECT RAISE(ABORT, 'an entry ends what an earlier one began'); END;

CREATE TABLE idempotency_keys (
  scope TEXT NOT NULL,
  mode TEXT NOT NULL,
  key TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  resource_id TEXT,
  status INTEGER NOT NULL,
  body TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (scope, mode, key)
) STRICT;
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);

-- How many jobs of a type a customer has open; the number that concurrency limits are judged by. The triggers of jobs
-- keep it, so that it cannot differ from them.
CREATE TABLE in_flight (
  customer_id TEXT NOT NULL REFERENCES customers (id),
  type TEXT NOT NULL CHECK (type IN ('image', 'video')),
  count INTEGER NOT NULL CHECK (count >= 0),
  PRIMARY KEY (customer_id, type)
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
  id TEXT PRIMARY KEY,
  customer_id TEXT NOT NULL REFERENCES customers (id),
  mode TEXT NOT NULL CHECK (mode IN ('live', 'test')),
  key_id TEXT NOT NULL,
  type TEXT NOT NULL CHECK (type IN ('image', 'video')),
  model TEXT NOT NULL,
  input TEXT NOT NULL,
  metadata TEXT NOT NULL,
  state TEXT NOT NULL CHECK (
    state IN ('queued', 'submitting', 'unknown', 'running', 'storing', 'completed', 'failed', 'canceled')
  ),
  -- While a lease is held this is its expiry, otherwise the instant of the next step; never past the deadline.
  due_at INTEGER NOT NULL,
  deadline_at INTEGER NOT NULL,
  lease_owner TEXT,
  -- Goes up with every claim and fences each write: a worker that was paused past its lease changes nothing.
  lease_no INTEGER NOT NULL,
  -- Goes up before each step and back to 0 when one gets somewhere, so that what kills the process shows.
  tries INTEGER NOT NULL,
  price INTEGER NOT NULL CHECK (price >= 0),
  price_version INTEGER NOT NULL,
  refunded INTEGER NOT NULL CHECK (refunded >= 0 AND refunded <= price),
  error_code TEXT,
  error_message TEXT,
  request_id TEXT,
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  updated_at INTEGER NOT NULL,
  ended_at INTEGER,
  CHECK ((ended_at IS NOT NULL) = (state IN ('completed', 'failed', 'canceled'))),
  CHECK ((error_code IS NOT NULL) = (state = 'failed'))
) STRICT;
CREATE INDEX jobs_due ON jobs (due_at) WHERE ended_at IS NULL;
-- The queue itself: how many wait before a job, and since when the oldest does.
CREATE INDEX jobs_queued ON jobs (created_at) WHERE state = 'queued';
CREATE INDEX jobs_by_customer ON jobs (customer_id, mode, id);
CREATE TRIGGER jobs_begin_open BEFORE INSERT ON jobs WHEN NEW.ended_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a job begins open'); END;
CREATE TRIGGER jobs_count_in AFTER INSERT ON jobs
BEGIN INSERT INTO in_flight (customer_id, type, count) VALUES (NEW.customer_id, NEW.type, 1)
  ON CONFLICT (customer_id, type) DO UPDATE SET count = count + 1; END;
CREATE TRIGGER jobs_count_out AFTER UPDATE OF ended_at ON jobs WHEN OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL
BEGIN UPDATE in_flight SET count = count - 1 WHERE customer_id = NEW.customer_id AND type = NEW.type; END;
CREATE TRIGGER jobs_keep_open BEFORE DELETE ON jobs WHEN OLD.ended_at IS NULL
BEGIN SELECT RAISE(ABORT, 'an open job is not deleted'); END;
CREATE TRIGGER jobs_end_once BEFORE UPDATE OF state, ended_at ON jobs WHEN OLD.ended_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a job ends once'); END;
CREATE TRIGGER jobs_keep_their_price BEFORE UPDATE OF id, customer_id, mode, price ON jobs
BEGIN SELECT RAISE(ABORT, 'a job keeps its owner and its price'); END;
CREATE TRIGGER jobs_end_settled BEFORE UPDATE OF state ON jobs
WHEN NEW.state IN ('completed', 'failed', 'canceled') AND NEW.price > 0 AND NOT EXISTS (
  SELECT 1 FROM ledger_entries
  WHERE reservation_id = NEW.id AND kind = CASE NEW.state WHEN 'completed' THEN 'capture' ELSE 'release' END
)
BEGIN SELECT RAISE(ABORT, 'a job ends together with its reservation'); END;

-- The operator's accounts at providers. Amounts are millionths of the account's unit.
CREATE TABLE accounts (
  id TEXT PRIMARY KEY,
  provider TEXT NOT NULL,
  label TEXT NOT NULL,
  credential_kind TEXT NOT NULL CHECK (credential_kind IN ('api_key', 'session')),
  -- Under the master key, and bound to the id of this row.
  sealed_credential TEXT NOT NULL,
  -- Keyed, so that it tells of a second import and of nothing else.
  credential_hash TEXT NOT NULL,
  credential_hint TEXT NOT NULL,
  remote_id TEXT,
  status TEXT NOT NULL CHECK (status IN ('active', 'paused', 'auth_error', 'exhausted', 'expired')),
  last_error TEXT,
  priority INTEGER NOT NULL CHECK (priority >= 0),
  weight INTEGER NOT NULL CHECK (weight >= 1),
  models TEXT,
  refused_models TEXT NOT NULL,
  slots INTEGER NOT NULL CHECK (slots >= 1),
  slots_taken INTEGER NOT NULL CHECK (slots_taken >= 0),
  floor INTEGER NOT NULL CHECK (floor >= 0),
  reserved INTEGER NOT NULL CHECK (reserved >= 0),
  balance_unit TEXT CHECK (balance_unit IN ('USD', 'CNY', 'credits')),
  available INTEGER,
  subscription INTEGER,
  paid INTEGER,
  checked_at INTEGER,
  cooldown_until INTEGER,
  -- How many cooldowns in a row; each is longer than the one before.
  cooldown_steps INTEGER NOT NULL CHECK (cooldown_steps >= 0),
  expires_at INTEGER,
  used_at INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CHECK ((balance_unit IS NULL) = (available IS NULL))
) STRICT;
CREATE UNIQUE INDEX accounts_once ON accounts (provider, credential_hash);
CREATE TRIGGER accounts_keep_slots BEFORE UPDATE OF slots_taken ON accounts
WHEN NEW.slots_taken > OLD.slots_taken AND NEW.slots_taken > NEW.slots
BEGIN SELECT RAISE(ABORT, 'an account gives no more slots than it has'); END;
CREATE TRIGGER accounts_keep_floor BEFORE UPDATE OF reserved ON accounts
WHEN NEW.reserved > OLD.reserved AND NEW.available - NEW.reserved < NEW.floor
BEGIN SELECT RAISE(ABORT, 'an account promises no more than it has'); END;
CREATE TRIGGER accounts_keep_used BEFORE DELETE ON accounts WHEN OLD.slots_taken > 0
BEGIN SELECT RAISE(ABORT, 'an account in use is not deleted'); END;

CREATE TABLE attempts (
  id TEXT PRIMARY KEY,
  job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  number INTEGER NOT NULL CHECK (number >= 1),
  provider TEXT NOT NULL,
  provider_job_id TEXT,
  outcome TEXT NOT NULL CHECK (
    outcome IN ('sent', 'accepted', 'completed', 'failed', 'rejected', 'unknown', 'canceled')
  ),
  reason TEXT,
  outputs TEXT NOT NULL,
  sent_at INTEGER NOT NULL,
  accepted_at INTEGER,
  ended_at INTEGER,
  -- Not a reference: attempts outlive the account that they were made with.
  account_id TEXT,
  -- What the account was expected to be charged, in its own unit; set aside while the attempt is open.
  estimate INTEGER NOT NULL DEFAULT 0 CHECK (estimate >= 0),
  -- What the provider says that it has charged.
  cost INTEGER,
  cost_unit TEXT,
  fault TEXT CHECK (fault IN ('credential', 'balance', 'rate', 'model', 'provider')),
  CHECK ((cost IS NULL) = (cost_unit IS NULL))
) STRICT;
-- An attempt holds a slot of its account, and what it may cost, from its first moment to its last and once.
CREATE TRIGGER attempts_take_slot AFTER INSERT ON attempts WHEN NEW.account_id IS NOT NULL AND NEW.ended_at IS NULL
BEGIN UPDATE accounts
  SET slots_taken = slots_taken + 1, reserved = reserved + NEW.estimate, used_at = NEW.sent_at
  WHERE id = NEW.account_id; END;
CREATE TRIGGER attempts_give_back AFTER UPDATE OF ended_at ON attempts
WHEN OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL AND NEW.account_id IS NOT NULL
BEGIN UPDATE accounts
  SET slots_taken = slots_taken - 1, reserved = reserved - NEW.estimate,
    -- Until the balance is next read: whatever the provider may have worked on counts as charged.
    available = available - CASE WHEN NEW.outcome NOT IN ('accepted', 'completed', 'unknown') THEN 0
      WHEN NEW.cost_unit = balance_unit THEN NEW.cost ELSE NEW.estimate END
  WHERE id = NEW.account_id; END;
CREATE TRIGGER attempts_keep_account BEFORE UPDATE OF account_id, estimate ON attempts
WHEN NEW.account_id IS NOT OLD.account_id OR NEW.estimate <> OLD.estimate
BEGIN SELECT RAISE(ABORT, 'an attempt keeps its account'); END;
CREATE TRIGGER attempts_end_once BEFORE UPDATE OF ended_at ON attempts
WHEN OLD.ended_at IS NOT NULL AND NEW.ended_at IS NOT OLD.ended_at AND OLD.account_id IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an attempt ends once'); END;
CREATE UNIQUE INDEX attempts_by_job ON attempts (job_id, number);
-- What each account was lately asked for.
CREATE INDEX attempts_by_account ON attempts (account_id, sent_at) WHERE account_id IS NOT NULL;

CREATE TABLE files (
  id TEXT PRIMARY KEY,
  customer_id TEXT NOT NULL REFERENCES customers (id),
  job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  role TEXT NOT NULL CHECK (role IN ('output', 'poster', 'reference')),
  position INTEGER NOT NULL,
  content_type TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  width INTEGER,
  height INTEGER,
  duration_ms INTEGER,
  created_at INTEGER NOT NULL,
  delete_at INTEGER NOT NULL,
  deleted_at INTEGER
) STRICT;
CREATE UNIQUE INDEX files_by_job ON files (job_id, role, position);
CREATE INDEX files_to_delete ON files (delete_at) WHERE deleted_at IS NULL;

-- Reference images that customers send ahead. No job refers to one: an order takes a copy.
CREATE TABLE uploads (
  id TEXT PRIMARY KEY,
  customer_id TEXT NOT NULL REFERENCES customers (id),
  mode TEXT NOT NULL CHECK (mode IN ('live', 'test')),
  -- The name of its bytes in the store.
  file_id TEXT NOT NULL UNIQUE,
  content_type TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  width INTEGER NOT NULL,
  height INTEGER NOT NULL,
  used_at INTEGER,
  created_at INTEGER NOT NULL,
  delete_at INTEGER NOT NULL
) STRICT;
CREATE INDEX uploads_by_owner ON uploads (customer_id, mode, delete_at);
CREATE INDEX uploads_to_delete ON uploads (delete_at);

-- Every transition of every job: its timeline, and the outbox from which other things learn of it.
CREATE TABLE events (
  id TEXT NOT NULL,
  job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  -- 1 for a job's first; several can happen in one millisecond.
  number INTEGER NOT NULL CHECK (number >= 1),
  customer_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  reason TEXT,
  actor TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (job_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_events (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  address_hash TEXT,
  request_id TEXT,
  summary TEXT NOT NULL,
  before TEXT,
  after TEXT,
  created_at INTEGER NOT NULL,
  prev_hash TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_target ON audit_events (target, seq);
CREATE TRIGGER audit_keep_update BEFORE UPDATE ON audit_events
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_keep_delete BEFORE DELETE ON audit_events
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;

CREATE TABLE tasks (
  name TEXT PRIMARY KEY,
  next_run_at INTEGER NOT NULL,
  last_run_at INTEGER,
  last_error TEXT
) STRICT, WITHOUT ROWID;
