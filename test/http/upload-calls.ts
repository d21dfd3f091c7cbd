// How clients send an image to `POST /v1/uploads`: as it is, or in a form.
export const UPLOADS = '/v1/uploads';

export const raw = (bytes: Uint8Array, type = 'image/png') => ({ bytes, headers: { 'content-type': type } });

/** A form as a client would send it. */
export async function form(...parts: [name: string, content: Uint8Array | string, type?: string][]) {
  const data = new FormData();
  for (const [name, content, type = ''] of parts) {
    if (typeof content === 'string') data.append(name, content);
    else data.append(name, new File([Uint8Array.from(content)], 'a/../b.png', { type }));
  }
  const response = new Response(data);
  const type = response.headers.get('content-type') ?? '';
  return raw(await response.bytes(), type);
}
