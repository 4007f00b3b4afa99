/** Runs pieces of work one after another, in the order in which they were handed in. */
export interface Mutex {
  run<T>(work: () => Promise<T>): Promise<T>;
}

export function createMutex(): Mutex {
  let tail: Promise<unknown> = Promise.resolve();
  return {
    run: (work) => {
      const result = tail.then(work);
      // A failed turn must not fail the ones that wait behind it.
      tail = result.catch(() => undefined);
      return result;
    },
  };
}
