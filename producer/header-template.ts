import type { SpanContext } from "@opentelemetry/api";
import type { Headers } from "../trace-context/index.ts";
import { newSpanId } from "./span-id.ts";

/** One field that a propagator writes: fixed text around the span id, or without it. */
interface Field {
  readonly key: string;
  readonly before: string;
  /** `undefined` where the span id does not occur. */
  readonly after: string | undefined;
}

/**
 * Writes what a propagator writes into messages of one send, whose contexts differ in nothing but the span id.
 *
 * The propagator itself is asked, and taken at its word where it answers as W3C Trace Context wants it, with nothing
 * beside it. Any other is asked twice more, with span ids of no message: only where one answer is the other with the
 * other id in it can it be foretold. 0.1 us a message, against 0.9 for a context and a propagator each.
 */
export class HeaderTemplate {
  readonly #fields: readonly Field[];
  /** The one field, where it is that: in nearly every app. */
  readonly #traceparent: Field | undefined;

  /**
   * Learns from what the propagator writes: `written` for the send's own context, and `inject` for a span id.
   * `undefined` where that cannot be foretold.
   */
  static learn(
    send: SpanContext,
    written: Headers | undefined,
    inject: (spanId: string) => Headers,
  ): HeaderTemplate | undefined {
    if (written !== undefined && isTraceparentOf(send, written)) {
      const [before, after] = [`00-${send.traceId}-`, `-0${send.traceFlags}`];
      return new HeaderTemplate([{ key: "traceparent", before, after }]);
    }
    const [first, second] = [newSpanId(), newSpanId()];
    const fields: Field[] = [];
    for (const [key, value] of Object.entries(inject(first))) {
      if (typeof value !== "string") return undefined;
      const [before = "", after, ...more] = value.split(first);
      if (more.length > 0) return undefined;
      fields.push({ key, before, after });
    }
    const template = new HeaderTemplate(fields);
    return isSame(template.write({}, second) ?? {}, inject(second)) ? template : undefined;
  }

  private constructor(fields: readonly Field[]) {
    this.#fields = fields;
    const [first, ...more] = fields;
    this.#traceparent = first?.key === "traceparent" && more.length === 0 ? first : undefined;
  }

  /** Returns headers with the trace context of `spanId` added. */
  write(headers: Headers | undefined, spanId: string): Headers | undefined {
    if (this.#fields.length === 0) return headers;
    if (this.#traceparent !== undefined && (headers === undefined || !Object.hasOwn(headers, "__proto__"))) {
      const { before, after } = this.#traceparent;
      if (headers === undefined) return { traceparent: before + spanId + after };
      // With its slot first: 0.2 us, against 0.9 for a spread that a property is added to.
      const carrier: { traceparent: string } = { traceparent: "" };
      return Object.assign(carrier, headers, { traceparent: before + spanId + after });
    }
    const carrier: Headers = { ...headers };
    for (const { key, before, after } of this.#fields) {
      carrier[key] = after === undefined ? before : before + spanId + after;
    }
    return carrier;
  }
}

/** True where the headers are the one that W3C Trace Context wants of a context without a state, and no other. */
function isTraceparentOf(
  { traceId, spanId, traceFlags, traceState }: SpanContext,
  written: Headers,
): boolean {
  if (traceState !== undefined || traceFlags > 9) return false;
  if (written["traceparent"] !== `00-${traceId}-${spanId}-0${traceFlags}`) return false;
  for (const key in written) if (key !== "traceparent") return false;
  return true;
}

function isSame(one: Headers, other: Headers): boolean {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
}
