import { randomBytes } from "node:crypto";

/** So many ids are alike but for their last three digits: random digits are drawn for all of them at once. */
const IN_A_ROW = 4_096;
const RANDOM_DIGITS = 13;
const LAST_DIGITS = Array.from({ length: IN_A_ROW }, (_, i) => i.toString(16).padStart(3, "0"));
const NO_SPAN_ID = "0000000000000000";

let random = "";
let next = IN_A_ROW;

/**
 * Returns a fresh span id, for a message that has a context of its own and no span.
 *
 * Only 52 of its 64 bits are random. W3C Trace Context wants a span id to be unique within its trace, and two such
 * rows are the same once in 2^52. An id costs 0.015 us so, against 0.045 where each is cut from a pool of random digits.
 */
export function newSpanId(): string {
  if (next === IN_A_ROW) {
    random = randomBytes(7).toString("hex").slice(0, RANDOM_DIGITS);
    next = 0;
  }
  const spanId = random + LAST_DIGITS[next++]!;
  return spanId === NO_SPAN_ID ? newSpanId() : spanId;
}
