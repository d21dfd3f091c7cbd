// The project's own source, read for the tests that keep the house rules: files, their imports, and the length of
// every function without the functions inside it.
import { parseSync, Visitor } from 'oxc-parser';
import { Glob } from 'bun';
import { dirname, join, normalize } from 'node:path';

export type Import = {
  specifier: string;
  /** The file inside the project, relative to its root; null for packages. */ file: string | null;
};
export type FunctionSize = { name: string; line: number; lines: number };
export type SourceFile = {
  /** Relative to the root of the project. */
  path: string;
  text: string;
  /** The text with comments and the contents of strings blanked out, line by line as before. */
  code: string;
  lines: number;
  imports: Import[];
  functions: FunctionSize[];
};

export const ROOT = join(import.meta.dir, '..', '..');

export async function readSources(folder: 'src' | 'test'): Promise<SourceFile[]> {
  const paths = await Array.fromAsync(new Glob(`${folder}/**/*.{ts,tsx}`).scan({ cwd: ROOT }));
  return Promise.all(
    paths
      .filter((path) => !path.endsWith('.d.ts'))
      .sort()
      .map(readSource),
  );
}

async function readSource(path: string): Promise<SourceFile> {
  const text = await Bun.file(join(ROOT, path)).text();
  const parsed = parseSync(path, text);
  if (parsed.errors.length > 0) throw new Error(`${path}: ${parsed.errors[0]?.message}`);
  const specifiers = [
    ...parsed.module.staticImports.map((found) => found.moduleRequest.value),
    ...parsed.module.staticExports.flatMap((found) =>
      found.entries.flatMap((entry) => entry.moduleRequest?.value ?? []),
    ),
  ];
  const imports = [...new Set(specifiers)].map((specifier) => ({
    specifier,
    file: specifier.startsWith('.') ? normalize(join(dirname(path), specifier)) : null,
  }));
  return {
    path,
    text,
    code: blank(text, parsed),
    lines: text.split('\n').length - 1,
    imports,
    functions: measureFunctions(text, parsed),
  };
}

type Parsed = ReturnType<typeof parseSync>;
type Span = { start: number; end: number };

function blank(text: string, parsed: Parsed): string {
  const spans: Span[] = [...parsed.comments];
  const add = (node: Span) => void spans.push(node);
  new Visitor({
    Literal(node) {
      if (typeof node.value === 'string') add(node);
    },
    TemplateElement: add,
  }).visit(parsed.program);
  const characters = Array.from({ length: text.length }, (_, index) => text[index] ?? '');
  for (const { start, end } of spans) {
    for (let index = start; index < end; index++) if (characters[index] !== '\n') characters[index] = ' ';
  }
  return characters.join('');
}

function measureFunctions(text: string, parsed: Parsed): FunctionSize[] {
  const lineStarts = [0, ...Array.from(text.matchAll(/\n/g), (match) => match.index + 1)];
  const lineAt = (offset: number) => lineStarts.findLastIndex((start) => start <= offset) + 1;
  const sizes: FunctionSize[] = [];
  /** For each open function, the lines that belong to functions inside it. */
  const inner: number[] = [];
  const enter = () => void inner.push(0);
  const exit = (node: Span & { id?: { name?: string } | null }) => {
    const whole = lineAt(node.end - 1) - lineAt(node.start) + 1;
    const inside = inner.pop() ?? 0;
    sizes.push({ name: node.id?.name ?? '(anonymous)', line: lineAt(node.start), lines: whole - inside });
    if (inner.length > 0) inner[inner.length - 1] = (inner.at(-1) ?? 0) + whole;
  };
  new Visitor({
    FunctionDeclaration: enter,
    'FunctionDeclaration:exit': exit,
    FunctionExpression: enter,
    'FunctionExpression:exit': exit,
    ArrowFunctionExpression: enter,
    'ArrowFunctionExpression:exit': exit,
  }).visit(parsed.program);
  return sizes;
}
