/** Answers to questions whose answers do not change, so that each is asked once. */
export interface Recall<T> {
  /** The answer kept for the key, or what `ask` says now. Whoever asks meanwhile waits for the same answer; a failure is not kept. */
  get(key: string, ask: () => Promise<T>): Promise<T>;
}

/**
 * @param limit how many answers are kept; the oldest make room
 * @param isFinal which answers will not change; by default all
 */
export function createRecall<T>(limit: number, isFinal: (answer: T) => boolean = () => true): Recall<T> {
  const kept = new Map<string, Promise<T>>();
  return {
    get: async (key, ask) => {
      const known = kept.get(key);
      if (known !== undefined) return await known;
      const asked = ask();
      kept.set(key, asked);
      const oldest = kept.size > limit ? kept.keys().next().value : undefined;
      if (oldest !== undefined) kept.delete(oldest);
      const forget = () => {
        if (kept.get(key) === asked) kept.delete(key);
      };
      try {
        const answer = await asked;
        if (!isFinal(answer)) forget();
        return answer;
      } catch (error) {
        forget();
        throw error;
      }
    },
  };
}
