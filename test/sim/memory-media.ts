// A media store in memory that outlives the processes of a simulation, as a disk does. It answers in the same turn, so
// that a run can be repeated turn by turn; equal contents are kept once, so that a long life fits.
import { createHash } from 'node:crypto';
import type { MediaStore } from '../../src/media/index.ts';

export type MemoryMedia = MediaStore & {
  bytesOf(fileId: string): number | null;
};

type Content = { bytes: Uint8Array<ArrayBuffer>; sha256: string };

export function createMemoryMedia(now: () => number): MemoryMedia {
  const files = new Map<string, { content: Content; storedAt: number }>();
  const contents = new Map<string, Content>();

  function intern(bytes: Uint8Array<ArrayBuffer>): Content {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const content = contents.get(sha256) ?? { bytes, sha256 };
    contents.set(sha256, content);
    return content;
  }

  return {
    async write(fileId, pieces, maxBytes) {
      const parts: Uint8Array[] = [];
      let bytes = 0;
      for await (const piece of pieces) {
        bytes += piece.length;
        if (bytes > maxBytes) return null;
        parts.push(piece);
      }
      if (bytes === 0) return null;
      const content = intern(new Uint8Array(Buffer.concat(parts)));
      files.set(fileId, { content, storedAt: now() });
      return { bytes, sha256: content.sha256 };
    },
    async open(fileId) {
      const file = files.get(fileId);
      if (file === undefined) return null;
      return Object.assign(new Blob([file.content.bytes]), {
        exists: () => Promise.resolve(files.has(fileId)),
      });
    },
    async remove(fileId) {
      files.delete(fileId);
    },
    async *listOlderThan(instant) {
      for (const [fileId, { storedAt }] of files) {
        if (storedAt < instant) yield { fileId, remove: async () => void files.delete(fileId) };
      }
    },
    bytesOf: (fileId) => files.get(fileId)?.content.bytes.length ?? null,
  };
}
