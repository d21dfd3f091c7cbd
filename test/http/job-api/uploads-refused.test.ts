// Uploads that are not taken: by whom, in which frame, and what is no picture, with the proof that nothing is kept of them.
import { MAX_REFERENCE_BYTES } from '../../../src/media/index.ts';
import { animatedWebp, GIF, join as joinBytes, png, SVG } from '../../media/image-bytes.ts';
import { runScenarios, type Call, type Expected, type Scenario } from '../scenario.ts';
import { form, raw, UPLOADS } from '../upload-calls.ts';

const PNG = png(320, 256);

const refused = (name: string, call: Partial<Call>, answer: Expected): Scenario => ({
  name,
  call: { method: 'POST', path: UPLOADS, ...call },
  answer,
});
const format = { status: 400, code: 'unsupported_file_format', field: 'file' } as const;
const unread = { status: 400, code: 'file_load_error', field: 'file' } as const;
const wrongForm = (field: string, says: string): Expected => ({
  status: 400,
  code: 'invalid_input',
  field,
  says,
});
const notTaken = { status: 415, code: 'unsupported_media_type' } as const;

runScenarios('an upload is refused:', [
  refused('without a key', { as: 'nobody', ...raw(PNG) }, { status: 401, code: 'authentication_required' }),
  refused(
    'by the key of the operator',
    { as: 'operator', ...raw(PNG) },
    { status: 401, code: 'authentication_failed' },
  ),
  refused(
    'with a query',
    { ...raw(PNG), path: `${UPLOADS}?url=https://x.example/` },
    wrongForm('url', 'not a field'),
  ),
  refused('SVG', raw(SVG), format),
  refused('GIF', raw(GIF, 'application/octet-stream'), format),
  refused('an animation', raw(animatedWebp(300, 260), 'image/webp'), { ...format, says: 'animated' }),
  refused('another type than it declares', raw(PNG, 'image/jpeg'), { ...format, says: 'image/png' }),
  refused('an archive behind the picture', raw(joinBytes(PNG, 'PK\x03\x04')), {
    ...format,
    says: 'other data',
  }),
  refused('a page before the picture', raw(joinBytes('<html>', PNG)), format),
  refused('cut short', raw(PNG.subarray(0, -1)), { ...unread, says: 'cut short' }),
  refused('cut in its head', raw(PNG.subarray(0, 20)), format),
  refused('50,000 pixels a side', raw(png(50_000, 50_000)), {
    status: 400,
    code: 'file_too_large',
    field: 'file',
  }),
  refused('a pixel too small', raw(png(255, 300)), { status: 400, code: 'file_too_small', field: 'file' }),
  refused('a byte too large', raw(joinBytes(PNG, new Uint8Array(MAX_REFERENCE_BYTES + 1 - PNG.length))), {
    status: 400,
    code: 'file_size_exceeded',
    field: 'file',
  }),
  refused('far too large', raw(new Uint8Array(MAX_REFERENCE_BYTES + 70_000)), {
    status: 413,
    code: 'payload_too_large',
  }),
  refused('nothing at all', raw(new Uint8Array(0)), wrongForm('file', 'is empty')),
  refused('JSON', { text: '{"file":"x"}' }, notTaken),
  refused('no type', raw(PNG, ''), notTaken),
  refused('SVG by its type', raw(SVG, 'image/svg+xml'), notTaken),
  refused(
    'compressed',
    { ...raw(PNG), headers: { 'content-type': 'image/png', 'content-encoding': 'gzip' } },
    {
      ...notTaken,
      says: 'compressed',
    },
  ),
  refused(
    'a form without the part',
    await form(['other', PNG]),
    wrongForm('other', 'not a field of this form'),
  ),
  refused(
    'a form with more than the part',
    await form(['file', PNG], ['x', 'y']),
    wrongForm('x', 'not a field'),
  ),
  refused('a form with two', await form(['file', PNG], ['file', PNG]), wrongForm('file', 'more than once')),
  refused('a form with a text', await form(['file', 'https://x.example/']), wrongForm('file', 'as a file')),
  refused(
    'a form with an empty file',
    await form(['file', new Uint8Array(0)]),
    wrongForm('file', 'is empty'),
  ),
  refused('a form with no picture', await form(['file', SVG, 'image/png']), format),
  refused(
    'a form with many parts',
    await form(...Array.from({ length: 40 }, (_, at) => [`p${at}`, 'x'] as [string, string])),
    wrongForm('', 'one part'),
  ),
  refused(
    'a form without a boundary',
    raw((await form(['file', PNG])).bytes, 'multipart/form-data'),
    wrongForm('', 'one part'),
  ),
  refused('a form whose file says that it is no picture', await form(['file', SVG, 'image/svg+xml']), format),
  refused('half a form', cutInHalf(await form(['file', PNG])), { status: 400, code: 'invalid_input' }),
  refused('no form', raw(PNG, 'multipart/form-data; boundary=x'), { status: 400, code: 'invalid_input' }),
]);

function cutInHalf({ bytes, headers }: ReturnType<typeof raw>) {
  return { bytes: bytes.subarray(0, bytes.length / 2), headers };
}
