// A file that is the same for everybody: compressed once, when it is first asked for, and told apart by its hash.
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { sha256Hex } from '../../crypto.ts';
import { matchesTag } from '../etag.ts';

export type Asset = {
  respond(request: Request): Promise<Response>;
};

export type AssetParts = {
  contentType: string;
  headers?: Readonly<Record<string, string>>;
  /** Called for the first request, and again for each client that takes no gzip. */
  read: () => Promise<Uint8Array>;
};

// Off the main thread: the largest file takes a quarter of a second.
const compress = promisify(gzip);

export function createAsset({ contentType, headers = {}, read }: AssetParts): Asset {
  let prepared: Promise<{ hash: string; compressed: Uint8Array }> | null = null;

  async function prepare() {
    try {
      const bytes = await read();
      return { hash: sha256Hex(bytes).slice(0, 32), compressed: await compress(bytes) };
    } catch (thrown) {
      prepared = null;
      throw thrown;
    }
  }

  return {
    async respond(request) {
      prepared ??= prepare();
      const { hash, compressed } = await prepared;
      const isCompressed = acceptsGzip(request.headers.get('accept-encoding'));
      const etag = isCompressed ? `"${hash}-gzip"` : `"${hash}"`;
      const common = {
        ...headers,
        etag,
        // May be kept, and must be asked about: an upgrade is seen at once.
        'cache-control': 'no-cache',
        vary: 'accept-encoding',
        'x-content-type-options': 'nosniff',
        'cross-origin-resource-policy': 'same-origin',
      };
      if (matchesTag(request.headers.get('if-none-match'), etag)) {
        return new Response(null, { status: 304, headers: common });
      }
      const body = isCompressed ? compressed : await read();
      return new Response(request.method === 'HEAD' ? null : body, {
        headers: {
          ...common,
          'content-type': contentType,
          'content-length': String(body.length),
          ...(isCompressed ? { 'content-encoding': 'gzip' } : {}),
        },
      });
    },
  };
}

function acceptsGzip(header: string | null): boolean {
  const match = /(?:^|,)\s*(?:x-)?gzip\s*(?:;\s*q\s*=\s*([\d.]+)\s*)?(?:,|$)/i.exec(header ?? '');
  return match !== null && Number(match[1] ?? 1) > 0;
}
