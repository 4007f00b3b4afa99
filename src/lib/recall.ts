/** Answers to questions whose answers never change, so that each is asked once. */
export interface Recall<T> {
  /** The answer kept for the key, or what `ask` says now. Whoever asks meanwhile waits for the same answer; a failure is not kept. */
  get(key: string, ask: () => Promise<T>): Promise<T>;
}

/** @param limit how many answers are kept; the oldest make room */
export function createRecall<T>(limit: number): Recall<T> {
  const kept = new Map<string, Promise<T>>();
  return {
    get: async (key, ask) => {
      const known = kept.get(key);
      if (known !== undefined) return await known;
      const asked = ask();
      kept.set(key, asked);
      const oldest = kept.size > limit ? kept.keys().next().value : undefined;
      if (oldest !== undefined) kept.delete(oldest);
      try {
        return await asked;
      } catch (error) {
        if (kept.get(key) === asked) kept.delete(key);
        throw error;
      }
    },
  };
}
