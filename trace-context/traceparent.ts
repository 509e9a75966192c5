import { createTraceState } from "@opentelemetry/api";
import type { SpanContext } from "@opentelemetry/api";

// W3C Trace Context, section 3.2. Version 00 ends with the flags; later versions may go on.
const TRACEPARENT =
  /^(?:00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}|(?!00|ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?)$/;

/** Reads a `traceparent` (and the `tracestate` beside it); `undefined` for anything that is not one. */
export function parseTraceparent(traceparent: string, tracestate?: string): SpanContext | undefined {
  if (!TRACEPARENT.test(traceparent)) return undefined;
  const traceId = traceparent.slice(3, 35);
  const spanId = traceparent.slice(36, 52);
  const traceFlags = parseInt(traceparent.slice(53, 55), 16);
  return tracestate === undefined
    ? { traceId, spanId, traceFlags, isRemote: true }
    : { traceId, spanId, traceFlags, isRemote: true, traceState: createTraceState(tracestate) };
}
