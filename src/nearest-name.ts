// The name that was probably meant: for a field, a setting or a command that is not known.

/**
 * The candidate that differs in spelling only (`motion_has_audio`), that holds the name (`hasAudio`), or that is within
 * two edits of it.
 */
export function nearestName(name: string, candidates: readonly string[]): string | null {
  const plain = (text: string) => text.replaceAll(/[_-]/g, '').toLowerCase();
  const same = candidates.find((candidate) => plain(candidate) === plain(name));
  if (same !== undefined) return same;
  const longer = candidates.find((candidate) => name.length >= 4 && plain(candidate).includes(plain(name)));
  if (longer !== undefined) return longer;
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: editDistance(plain(name), plain(candidate)) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= 2 && best.distance < name.length / 2 ? best.candidate : null;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substitution = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(substitution, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
