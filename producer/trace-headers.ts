import { isSpanContextValid, propagation, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import type { Context, SpanContext, TextMapPropagator } from "@opentelemetry/api";
import {
  headerGetter,
  headerSetter,
  type Headers,
  type MessageRef,
  type Tracing,
} from "../trace-context/index.ts";

/** What an outgoing message's headers already say of trace context. */
export type Carried =
  /** Nothing: it is given a context. */
  | { readonly kind: "nothing"; readonly isStale: boolean }
  /** The context of the message being processed, copied along with its headers: it is given its own, linked to this. */
  | { readonly kind: "copied"; readonly spanContext: SpanContext }
  /** A context that the app chose, as an outbox does: it stays. */
  | { readonly kind: "own"; readonly spanContext: SpanContext }
  /** Headers that the client will refuse: they stay as they are, so that it does. */
  | { readonly kind: "refused" };

const NOTHING: Carried = { kind: "nothing", isStale: false };
/** Fields without a valid context in them. */
const NOTHING_VALID: Carried = { kind: "nothing", isStale: true };
const REFUSED: Carried = { kind: "refused" };
/** Carried along, but no part of what says who created a message. */
const BAGGAGE_FIELD = "baggage";

const fieldsOf = new WeakMap<Tracing, readonly string[]>();

/** The headers that say who created a message; asked for until there are some, as an app may register its propagator late. */
function creationFields(tracing: Tracing): readonly string[] {
  const known = fieldsOf.get(tracing);
  if (known !== undefined) return known;
  const all = (tracing.propagator as Partial<TextMapPropagator>).fields?.() ?? ["traceparent"];
  const fields = all.filter((field) => field !== BAGGAGE_FIELD);
  if (fields.length > 0) fieldsOf.set(tracing, fields);
  return fields;
}

/** Reads and writes the trace context of the messages of one call. */
export class TraceHeaders {
  readonly #propagator: Tracing["propagator"];
  readonly #fields: readonly string[];
  readonly #current: MessageRef | undefined;

  constructor(tracing: Tracing, current: MessageRef | undefined) {
    this.#propagator = tracing.propagator;
    this.#current = current;
    this.#fields = creationFields(tracing);
  }

  /** Says what the headers of a message already carry. */
  read(headers: Headers | undefined): Carried {
    if (headers === undefined) return NOTHING;
    if (typeof headers !== "object" || headers === null) return REFUSED;
    let isPresent = false;
    for (const field of this.#fields) {
      if (!Object.hasOwn(headers, field)) continue;
      if (!isSendable(headers[field])) return REFUSED;
      isPresent = true;
    }
    return isPresent ? this.#extract(headers) : NOTHING;
  }

  /** Returns the headers without the context in them: what is written next may not overwrite all of its fields. */
  withoutContext(headers: Headers): Headers {
    const rest = { ...headers };
    for (const field of this.#fields) delete rest[field];
    return rest;
  }

  /** Returns a copy of the headers that carries `context`, `undefined` where there would be nothing in it. */
  inject(context: Context, headers: Headers | undefined): Headers | undefined {
    const carrier: Headers = { ...headers };
    this.#propagator.inject(context, carrier, headerSetter);
    return headers === undefined && isEmpty(carrier) ? undefined : carrier;
  }

  #extract(headers: Headers): Carried {
    const context = this.#propagator.extract(ROOT_CONTEXT, headers, headerGetter);
    const spanContext = trace.getSpanContext(context);
    if (spanContext === undefined || !isSpanContextValid(spanContext)) return NOTHING_VALID;
    const inbound = this.#current?.spanContext;
    const isCopied = inbound?.spanId === spanContext.spanId && inbound.traceId === spanContext.traceId;
    return { kind: isCopied ? "copied" : "own", spanContext };
  }
}

/** False for a value that kafkajs throws on: overwritten, the app would never learn of it. */
function isSendable(value: unknown): boolean {
  if (Array.isArray(value)) return value.every((one) => !Array.isArray(one) && isSendable(one));
  return typeof value === "string" || value instanceof Uint8Array;
}

function isEmpty(headers: Headers): boolean {
  for (const _ in headers) return false;
  return true;
}

/** Returns the context that messages are sent in: without baggage, unless the app wants it in every message. */
export function sendContext(active: Context, { options }: Tracing): Context {
  return options.baggage || propagation.getBaggage(active) === undefined
    ? active
    : propagation.deleteBaggage(active);
}
