/**
 * Work that is done ahead, in moments in which there is nothing else to do; and otherwise when its result is asked for.
 *
 * Preparing 5,000 spans takes a third as long as Postgres takes to store them. Done as soon as it could be, it held up the
 * write that had just got its connection, and Postgres waited; done while Postgres is busy, it costs no time at all.
 */
export class Ahead {
  readonly #waiting: (() => void)[] = [];

  /** Returns what hands out the result, or throws what `make` threw. To be called once. */
  add<T>(make: () => T): () => T {
    let made: (() => T) | undefined;
    const run = (): (() => T) => {
      try {
        const value = make();
        made = () => value;
      } catch (fault) {
        made = () => {
          throw fault;
        };
      }
      return made;
    };
    this.#waiting.push(run);
    return () => {
      if (made !== undefined) return made();
      this.#waiting.splice(this.#waiting.indexOf(run), 1);
      return run()();
    };
  }

  /** Does the oldest piece of work that nobody has done yet, if there is one. Never throws. */
  doOne(): void {
    this.#waiting.shift()?.();
  }
}
