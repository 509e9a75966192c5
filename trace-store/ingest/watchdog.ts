/** A consumer that neither fetches nor beats for this long hangs; one of an idle topic does both all the time. */
const SILENCE_MS = 60_000;

/** Calls `onSilence` once when nothing was heard for a minute. */
export class Watchdog {
  #heardAt = performance.now();
  readonly #timer: NodeJS.Timeout;

  constructor(onSilence: () => void, silenceMs = SILENCE_MS) {
    this.#timer = setInterval(() => {
      if (performance.now() - this.#heardAt < silenceMs) return;
      this.stop();
      onSilence();
    }, silenceMs / 10).unref();
  }

  alive(): void {
    this.#heardAt = performance.now();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
