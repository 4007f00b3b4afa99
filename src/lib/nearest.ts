// Swapped neighbours are the commonest typing mistake (`prots`), so a swap counts as one edit, like a wrong letter.
function toDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

/**
 * The candidate a person most likely meant, or undefined when none is near: at most one edit in a short word, two in a
 * longer one, letter case aside.
 */
export function findNearest(word: string, candidates: Iterable<string>, maxEdits?: number): string | undefined {
  const limit = maxEdits ?? (word.length <= 4 ? 1 : 2);
  if (word.length > 100) return undefined;
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) > limit) continue;
    const distance = toDistance(word.toLowerCase(), candidate.toLowerCase());
    const isBetter = best === undefined || distance < best.distance;
    if (distance <= limit && isBetter && candidate !== word) best = { candidate, distance };
  }
  return best?.candidate;
}
