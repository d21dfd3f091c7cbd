// Which methods a path has: for 405 with `Allow`, which the router itself does not answer.

export type AllowedMethods = (method: string, pathname: string) => readonly string[] | null;

/**
 * @returns a function that gives the methods of a path when it exists but not with this one, and null otherwise
 */
export function createAllowedMethods(routes: readonly { method: string; path: string }[]): AllowedMethods {
  const exact = new Map<string, Set<string>>();
  const patterns: { pattern: RegExp; methods: Set<string> }[] = [];
  for (const { method, path } of routes) {
    const methods = exact.get(path) ?? new Set();
    if (!exact.has(path)) {
      exact.set(path, methods);
      if (path.includes(':')) patterns.push({ pattern: toPattern(path), methods });
    }
    methods.add(method);
    if (method === 'GET') methods.add('HEAD');
  }
  return (method, pathname) => {
    const methods = exact.get(pathname) ?? patterns.find(({ pattern }) => pattern.test(pathname))?.methods;
    return methods === undefined || methods.has(method) ? null : [...methods].sort();
  };
}

function toPattern(path: string): RegExp {
  const segments = path
    .split('/')
    .map((segment) => (segment.startsWith(':') ? '[^/]+' : segment.replace(/[.]/g, '\\$&')));
  return new RegExp(`^${segments.join('/')}$`);
}
