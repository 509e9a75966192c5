import { randomFillSync } from "node:crypto";
import type { IdGenerator } from "@opentelemetry/sdk-trace-node";

const POOL_BYTES = 4096;
const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;
const TIME_HEX_DIGITS = 12;

/** Random bytes as hex, drawn from the system a pool at a time: one draw an id costs ten times as much. */
class RandomHex {
  readonly #pool = Buffer.alloc(POOL_BYTES);
  #next = POOL_BYTES;

  take(bytes: number): string {
    if (this.#next + bytes > POOL_BYTES) {
      randomFillSync(this.#pool);
      this.#next = 0;
    }
    this.#next += bytes;
    return this.#pool.toString("hex", this.#next - bytes, this.#next);
  }
}

/**
 * Makes random trace and span ids; with `timeOrdered`, trace ids in the layout of UUIDv7 (RFC 9562).
 *
 * A time-ordered id begins with the milliseconds since 1970, so the store finds its slice of time from the id alone and
 * an id pasted from a log says when it was made. Its last seven bytes are random, which is what W3C Trace Context level 2
 * and ratio samplers ask of an id.
 */
export function createTraceIds({ timeOrdered }: { timeOrdered: boolean }): IdGenerator {
  const random = new RandomHex();
  return {
    generateTraceId: () =>
      timeOrdered ? timeOrderedId(random.take(TRACE_ID_BYTES)) : nonZero(random, TRACE_ID_BYTES),
    generateSpanId: () => nonZero(random, SPAN_ID_BYTES),
  };
}

/** Replaces the first six bytes with the time, and sets version 7 and variant 10 among the random rest. */
function timeOrderedId(random: string): string {
  const time = Date.now().toString(16).padStart(TIME_HEX_DIGITS, "0").slice(-TIME_HEX_DIGITS);
  const variant = (8 + (random.charCodeAt(16) & 3)).toString(16);
  return `${time}7${random.slice(13, 16)}${variant}${random.slice(17)}`;
}

/** An id of zeros means "no id" (W3C Trace Context, section 3.2.2.3). */
function nonZero(random: RandomHex, bytes: number): string {
  for (;;) {
    const id = random.take(bytes);
    if (!/^0+$/.test(id)) return id;
  }
}
