import { SpanKind } from "@opentelemetry/api";
import { TRAIL, type Tracing } from "../trace-context/index.ts";
import type { Work } from "./work.ts";

/** A look at the work in hand, at least this often, so that short limits are kept well enough. */
const LOOK_EVERY_MS_MAX = 1000;
/** And at most this often. */
const LOOK_EVERY_MS_MIN = 20;

/**
 * The work that handlers have in hand. What is there for longer than `inProgressAfterMs` is told by an `in progress`
 * span, which ends at once: a span is exported only when it ends, and work that hangs never ends.
 *
 * One timer for the whole consumer, running only while there is work, and never keeping the process alive.
 */
export class InHand {
  readonly #tracing: Tracing;
  /** A list by neighbours: to add to a Set and delete from it cost 0.3 us a message. */
  #newest: Work | undefined;
  readonly #afterMs: number;
  readonly #lookEveryMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(tracing: Tracing) {
    this.#tracing = tracing;
    this.#afterMs = tracing.options.inProgressAfterMs;
    this.#lookEveryMs = Math.min(LOOK_EVERY_MS_MAX, Math.max(LOOK_EVERY_MS_MIN, this.#afterMs / 5));
  }

  add(work: Work): void {
    if (this.#afterMs <= 0) return;
    work.showAtMs = work.startedAtMs + this.#afterMs;
    work.next = this.#newest;
    if (this.#newest !== undefined) this.#newest.previous = work;
    this.#newest = work;
    if (this.#timer === undefined) this.#timer = this.#startTimer();
  }

  delete(work: Work): void {
    const { next, previous } = work;
    if (previous !== undefined) previous.next = next;
    else if (this.#newest === work) this.#newest = next;
    if (next !== undefined) next.previous = previous;
    work.next = undefined;
    work.previous = undefined;
  }

  #startTimer(): NodeJS.Timeout {
    const timer = setTimeout(() => this.#look(), this.#lookEveryMs);
    timer.unref();
    return timer;
  }

  #look(): void {
    this.#timer = this.#newest === undefined ? undefined : this.#startTimer();
    const nowMs = performance.now();
    for (let work = this.#newest; work !== undefined; work = work.next) {
      if (nowMs < work.showAtMs) continue;
      const due = work;
      due.showAtMs = nowMs + this.#tracing.options.inProgressEveryMs;
      this.#tracing.guard.try(() => this.#show(due, nowMs));
    }
  }

  // It lasts from the start of the work until now, and is a child of the work's own span.
  #show(work: Work, nowMs: number): void {
    const endTime = Date.now();
    const attributes = work.describe();
    attributes[TRAIL.inProgress] = true;
    this.#tracing.tracer
      .startSpan(
        "in progress",
        { kind: SpanKind.INTERNAL, attributes, startTime: endTime - (nowMs - work.startedAtMs) },
        work.context,
      )
      .end(endTime);
  }
}
