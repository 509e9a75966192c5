import { propagation, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import type { Context, Span, SpanContext, TextMapPropagator } from "@opentelemetry/api";
import {
  headerGetter,
  parseTraceparent,
  readTraceparentFlags,
  setCurrentMessage,
} from "../trace-context/index.ts";
import type { Headers, MessageRef, Tracing } from "../trace-context/index.ts";
import { HandlerContext } from "./handler-context.ts";

/** What a message's headers say of where it came from. */
export interface InboundContext {
  /** The message's creator. */
  readonly spanContext: SpanContext | undefined;
  /** As the headers spell it: a send that carries the same one has copied it. */
  readonly traceparent: string | undefined;
  /** What the app's propagator made of the headers, where they were not read by hand: it may hold more than a span. */
  readonly extracted: Context | undefined;
}

const NOTHING: InboundContext = { spanContext: undefined, traceparent: undefined, extracted: undefined };
const W3C_FIELDS = new Set(["traceparent", "tracestate", "baggage"]);

/**
 * True where the propagator reads `traceparent` and no other kind of trace context, so that reading it by hand gives
 * the same answer for a third of the time (0.4 us against 1.2).
 */
export function isW3cPropagator({ propagator, options }: Tracing): boolean {
  if (options.baggage) return false;
  const fields = (propagator as Partial<TextMapPropagator>).fields?.() ?? [];
  return fields.includes("traceparent") && fields.every((field) => W3C_FIELDS.has(field));
}

/** Reads what W3C headers say of a message's creator. */
function readW3c(headers: Headers): InboundContext {
  const value = headers["traceparent"];
  if (value === undefined || value === null) return NOTHING;
  if (Buffer.isBuffer(value) && headers["tracestate"] === undefined) {
    // What nearly every message carries. Checked as bytes it takes half the time (0.14 us against 0.24).
    const traceFlags = readTraceparentFlags(value);
    if (traceFlags !== -1) {
      // Each id from the bytes: checked by an SDK twice, a piece of a longer string costs more than it saved (0.13 us).
      const traceId = value.toString("latin1", 3, 35);
      const spanId = value.toString("latin1", 36, 52);
      const spanContext = { traceId, spanId, traceFlags, isRemote: true };
      const traceparent = `00-${traceId}-${spanId}-${String.fromCharCode(value[53]!, value[54]!)}`;
      return { spanContext, traceparent, extracted: undefined };
    }
  }
  const traceparent = headerGetter.get(headers, "traceparent") as string | undefined;
  if (traceparent === undefined) return NOTHING;
  const tracestate =
    headers["tracestate"] === undefined ? undefined : (headerGetter.get(headers, "tracestate") as string);
  const spanContext = parseTraceparent(traceparent, tracestate);
  return spanContext === undefined ? NOTHING : { spanContext, traceparent, extracted: undefined };
}

/** Reads what a message's headers say of its creator. `isW3c` is what {@link isW3cPropagator} said. */
export function readInbound(tracing: Tracing, isW3c: boolean, headers: Headers | undefined): InboundContext {
  if (headers === undefined || headers === null) return NOTHING;
  if (isW3c) return readW3c(headers);
  let extracted = tracing.propagator.extract(ROOT_CONTEXT, headers, headerGetter);
  if (!tracing.options.baggage) extracted = propagation.deleteBaggage(extracted);
  const traceparent = headerGetter.get(headers, "traceparent") as string | undefined;
  return { spanContext: trace.getSpanContext(extracted), traceparent, extracted };
}

/** Returns the context that a message's span is started in. Never the ambient one, which is that of `run()`. */
export function parentContext({ spanContext, extracted }: InboundContext, isNewTrace: boolean): Context {
  if (extracted !== undefined) return isNewTrace ? trace.deleteSpan(extracted) : extracted;
  if (spanContext === undefined || isNewTrace) return ROOT_CONTEXT;
  return new HandlerContext(trace.wrapSpanContext(spanContext), undefined);
}

/** Returns the context that a message's handler runs in: under its span, or, without one, under its creator's. */
export function activeContext(inbound: InboundContext, span: Span | undefined, message: MessageRef): Context {
  const { spanContext, extracted } = inbound;
  if (extracted !== undefined) {
    return setCurrentMessage(span === undefined ? extracted : trace.setSpan(extracted, span), message);
  }
  if (span !== undefined || spanContext === undefined) return new HandlerContext(span, message);
  return new HandlerContext(trace.wrapSpanContext(spanContext), message);
}
