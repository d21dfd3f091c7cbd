// Accounts as people paste them: one a line, the key alone or behind a label.

export type PastedAccount = { label: string; apiKey: string };

/** The lines that hold something; `#` begins a comment line. The last word of a line is the key, what is before it the label. */
export function readPaste(text: string): PastedAccount[] {
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line, index) => {
    const [, before = '', apiKey = line] = /^(?:(.*?)[\s,;]+)?(\S+)$/.exec(line) ?? [];
    return { label: before === '' ? `pasted ${index + 1}` : before, apiKey };
  });
}
