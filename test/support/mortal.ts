// A process that can die. Everything that an app asks of the outside goes through gates, one before and one after it;
// at a gate the process may be ended, or what it asked for may fail. Nothing comes back to a process that is over, so
// that whatever it still had in hand stays as it was, as with a real death.
import { GatewayError } from '../../src/errors.ts';
import type { MediaStore } from '../../src/media/index.ts';
import type { Provider } from '../../src/providers/index.ts';
import type { Net } from '../../src/runtime/index.ts';
import type { SqliteStore } from '../../src/store/sqlite.ts';

export type Verdict = 'go' | 'die' | 'fail';
/**
 * Asked at each gate; the name is `before` or `after` and what is asked, such as `before sandbox.submit`. A promise
 * holds up whoever came there.
 */
export type GateKeeper = (gate: string) => Verdict | Promise<Verdict>;

export type Life = {
  isOver(): boolean;
  /** Resolves at the end. */
  readonly over: Promise<void>;
  end(): void;
  /** Does something of the outside world, from gate to gate. */
  pass<T>(name: string, work: () => Promise<T>): Promise<T>;
};

export function createLife(keeper: GateKeeper = () => 'go'): Life {
  let isOver = false;
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const end = () => {
    isOver = true;
    resolve();
  };

  async function gate(name: string): Promise<void> {
    const asked = isOver ? 'die' : keeper(name);
    const verdict = typeof asked === 'string' ? asked : await asked;
    if (verdict === 'go' && !isOver) return;
    if (verdict === 'fail') throw faultAt(name);
    end();
    await new Promise<never>(() => undefined);
  }

  return {
    isOver: () => isOver,
    over,
    end,
    async pass(name, work) {
      await gate(`before ${name}`);
      const [outcome] = await Promise.allSettled([work()]);
      await gate(`after ${name}`);
      if (outcome.status === 'rejected') throw outcome.reason;
      return outcome.value;
    },
  };
}

/** What a broken disk looks like to a caller of the store; a plain error everywhere else. */
function faultAt(name: string): Error {
  return name.endsWith('transaction')
    ? new GatewayError('service_unavailable', { retryAfterMs: 1000 })
    : new Error(`broken ${name}`);
}

export function mortalStore(store: SqliteStore, life: Life): SqliteStore {
  return { ...store, transaction: (work) => life.pass('transaction', () => store.transaction(work)) };
}

export function mortalMedia(media: MediaStore, life: Life): MediaStore {
  return {
    ...media,
    write: (fileId, pieces, maxBytes) =>
      life.pass('media.write', () => media.write(fileId, pieces, maxBytes)),
    open: (fileId) => life.pass('media.open', () => media.open(fileId)),
    remove: (fileId) => life.pass('media.remove', () => media.remove(fileId)),
  };
}

export function mortalNet(net: Net, life: Life): Net {
  return {
    fetch: (request) => life.pass('net.fetch', () => net.fetch(request)),
    download: (request, sink) => life.pass('net.download', () => net.download(request, sink)),
  };
}

export function mortalProvider(provider: Provider, life: Life): Provider {
  const { id, cancel } = provider;
  return {
    ...provider,
    submit: (order, attemptId, context) =>
      life.pass(`${id}.submit`, () => provider.submit(order, attemptId, context)),
    poll: (providerJobId, context) => life.pass(`${id}.poll`, () => provider.poll(providerJobId, context)),
    openOutput: (output, order, context) =>
      life.pass(`${id}.openOutput`, () => provider.openOutput(output, order, context)),
    ...(cancel === undefined
      ? {}
      : {
          cancel: (providerJobId, context) =>
            life.pass(`${id}.cancel`, () => cancel.call(provider, providerJobId, context)),
        }),
  };
}
