// The way to a provider with an account: where it is, and the credential, unsealed for as long as a call takes.
import { assert, invalidField } from '../errors.ts';
import type { AccountAccess, Credential, Provider, Upstream } from '../providers/index.ts';
import type { AccountRow } from './account.ts';
import { openCredential } from './credential.ts';

/** A provider that is reached with an account. */
export type Reachable = Provider & { readonly upstream: Upstream };

export type Gates = {
  /** The providers that have accounts, by name. */
  readonly ids: readonly string[];
  find(providerId: string): Reachable | null;
  /** @throws GatewayError `invalid_input` for a provider that there is not, or that takes no such credential */
  require(providerId: string, kind: Credential['kind']): Reachable;
  /** The way in with a credential that is in no row yet. */
  knock(provider: Reachable, credential: Credential): AccountAccess;
  /** @throws Error when the credential does not open */
  enter(row: AccountRow): AccountAccess;
};

export type GatesParts = {
  providers: readonly Provider[];
  /** Where the operator has a provider's API, by the provider's name. */
  providerUrls: Readonly<Record<string, string>>;
  sealKey: Uint8Array;
};

export function createGates({ providers, providerUrls, sealKey }: GatesParts): Gates {
  const reachable = providers.filter((provider): provider is Reachable => provider.upstream !== undefined);
  const find = (providerId: string) => reachable.find(({ id }) => id === providerId) ?? null;

  function accessTo(
    { id: name, upstream }: Reachable,
    account: Pick<AccountAccess, 'id' | 'credential' | 'remoteId'>,
  ): AccountAccess {
    const own = providerUrls[name];
    return {
      ...account,
      baseUrl: own ?? upstream.baseUrl,
      destination: own === undefined ? { kind: 'public' } : { kind: 'operator', origin: new URL(own).origin },
      callbackUrl: null,
    };
  }

  return {
    ids: reachable.map(({ id }) => id),
    find,
    require(providerId, kind) {
      const provider = find(providerId);
      if (provider === null) {
        throw invalidField('provider', `must be one of ${reachable.map(({ id }) => id).join(', ')}`);
      }
      const { credentials } = provider.upstream;
      if (!credentials.includes(kind)) {
        const [field, wanted] = kind === 'api_key' ? ['apiKey', 'session'] : ['session', 'apiKey'];
        throw invalidField(field, `is not what ${providerId} takes; give ${wanted}`);
      }
      return provider;
    },
    knock: (provider, credential) => accessTo(provider, { id: 'new', credential, remoteId: null }),
    enter(row) {
      const provider = find(row.provider);
      assert(provider !== null, `the provider ${row.provider} of account ${row.id} is known`);
      const credential = openCredential(row.sealedCredential, row.id, sealKey);
      return accessTo(provider, { id: row.id, credential, remoteId: row.remoteId });
    },
  };
}
