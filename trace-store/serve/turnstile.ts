import { TrailError } from "../errors.ts";

/** How many questions are answered at once, and how many more may wait how long. */
export interface TurnstileOptions {
  readonly questionsMax: number;
  readonly waitingMax: number;
  readonly waitMs: number;
}

/** Lets a bounded number of questions through to Postgres; the rest wait a moment, then are turned away. */
export class Turnstile {
  readonly #options: TurnstileOptions;
  readonly #waiting: (() => void)[] = [];
  #inside = 0;

  constructor(options: TurnstileOptions) {
    this.#options = options;
  }

  /** Runs `ask` as soon as there is room. Throws `TRAIL_BUSY` when there is none in time. */
  async pass<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#inside >= this.#options.questionsMax) await this.#wait();
    else this.#inside++;
    try {
      return await ask();
    } finally {
      // The place goes to the next in line without being free in between: a newcomer must not overtake.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#inside--;
    }
  }

  #wait(): Promise<void> {
    const { questionsMax, waitingMax, waitMs } = this.#options;
    const busy = () =>
      new TrailError(
        "TRAIL_BUSY",
        `${questionsMax} questions are being answered and ${this.#waiting.length} wait; ask again in a second.`,
      );
    if (this.#waiting.length >= waitingMax) return Promise.reject(busy());
    return new Promise((resolve, reject) => {
      const enter = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        reject(busy());
      }, waitMs);
      this.#waiting.push(enter);
    });
  }
}
