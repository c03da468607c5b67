/**
 * Deadlines for what browsers promise and may never keep: a sound system without an output, a
 * question to the person that nobody answers, a network that swallows everything.
 */

/** Rejects with this where it took too long. */
export class TooLate extends Error {
  /** @param {string} what In words, for a person. */
  constructor(what) {
    super(what);
    this.name = "TooLate";
  }
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {number} ms
 * @param {string} what What is said where it took longer.
 * @param {(late: T) => void} [discard] Given what comes too late.
 * @returns {Promise<T>}
 */
export function within(promise, ms, what, discard = () => {}) {
  return new Promise((resolve, reject) => {
    let over = false;
    const timer = setTimeout(() => {
      over = true;
      reject(new TooLate(what));
    }, ms);
    promise.then(
      (found) => {
        clearTimeout(timer);
        if (over) discard(found);
        else resolve(found);
      },
      (error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
