// Logging: one JSON line an event, through pino without transports (they die in a compiled executable).
// Fields are chosen by the caller; what could still hold a secret passes a scrubber on its way out, because
// redaction by path misses secrets inside messages, URLs and errors.
import pino from 'pino';

export type Log = {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** Whether a level is written at all, so that hot paths need not build fields for nothing. */
  isEnabled(level: LogLevel): boolean;
  /** Writes what is still buffered; for the end of the process. */
  flush(): void;
};

export type LogFields = Record<string, unknown>;
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogOptions = { level: LogLevel; write?: (line: string) => void };

/** Lines wait for each other up to this size, so that a burst of requests costs few system calls. */
const BUFFER_BYTES = 8 * 1024;
const FLUSH_INTERVAL_MS = 250;

/**
 * Customers' keys (but not their 16-character prefix), the operator's generated key, bearer values, webhook secrets,
 * provider keys, and the signatures and passwords in links. Each stands in a JSON string, where the character before
 * it may be the end of an escape such as `\n`.
 */
const SECRET_FORMS = new RegExp(
  [
    /(ak_(?:live|test)_)[A-Za-z0-9]{9,}/,
    /(slo_)[A-Za-z0-9]{16,}/,
    /(whsec_)[A-Za-z0-9+/=]+/,
    /(Bearer\s+)[^\s"\\]+/,
    /(sk-)(?<=(?:^|[^A-Za-z0-9]|\\[bfnrt])sk-)[A-Za-z0-9_-]{8,}/,
    /([?&][\w.-]*(?:sig|signature|credential|token|key|secret|password)=)[^&\s"\\]+/,
    /(:\/\/)[^\s"\\/@]+(?=@)/,
  ]
    .map((form) => form.source)
    .join('|'),
  'gi',
);
/** 32 bytes in base64, which only keys are. */
const KEY_BYTES = /(?<![A-Za-z0-9+/])((?<=\\)[bfnrt])?[A-Za-z0-9+/]{43}=(?!=)/g;

/** Replaces everything that has the form of a secret by `…`, keeping the prefix that tells what it was. */
export function scrub(line: string): string {
  const scrubbed = line.replace(SECRET_FORMS, (_match, ...groups: unknown[]) => {
    // After the groups come the offset, a number, and the line.
    const prefix = groups
      .slice(0, groups.findIndex(Number.isInteger))
      .find((group) => typeof group === 'string');
    return `${prefix ?? ''}…`;
  });
  // Looking for bytes costs ten times as much as for prefixes, and most lines have none.
  return scrubbed.includes('=') ? scrubbed.replace(KEY_BYTES, '$1…') : scrubbed;
}

export function createLog(options: LogOptions): Log {
  const target = options.write ?? createStandardOutput();
  const write = typeof target === 'function' ? target : target.write;
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: pino.stdSerializers.err },
    },
    { write: (line: string) => write(scrub(line)) },
  );
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    isEnabled: (level) => logger.isLevelEnabled(level),
    flush: () => (typeof target === 'function' ? undefined : target.flush()),
  };
}

function createStandardOutput(): { write: (line: string) => void; flush: () => void } {
  const destination = pino.destination({
    dest: 1,
    sync: false,
    minLength: BUFFER_BYTES,
    periodicFlush: FLUSH_INTERVAL_MS,
  });
  return { write: (line) => void destination.write(line), flush: () => destination.flushSync() };
}
