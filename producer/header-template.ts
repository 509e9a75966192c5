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
 * The propagator itself is asked twice, with span ids of no message; only where the second answer is the first one with
 * the other id in it is it taken at its word. 0.1 us a message, against 0.9 for a context and a propagator each.
 */
export class HeaderTemplate {
  readonly #fields: readonly Field[];
  /** The one field, where it is that: in nearly every app. */
  readonly #traceparent: Field | undefined;

  /** Learns from what `inject` writes for a span id; `undefined` where that cannot be foretold. */
  static learn(inject: (spanId: string) => Headers): HeaderTemplate | undefined {
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

function isSame(one: Headers, other: Headers): boolean {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
}
