import { createTraceState } from "@opentelemetry/api";
import type { SpanContext } from "@opentelemetry/api";

// W3C Trace Context, section 3.2. Version 00 ends with the flags; later versions may go on.
const TRACEPARENT =
  /^(?:00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}|(?!00|ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?)$/;
/** Of version 00: `00-`, 32 digits, `-`, 16 digits, `-`, 2 digits. */
const TRACEPARENT_BYTES = 55;
const DASH = 0x2d;
const ZERO = 0x30;
const NO_DIGIT = 0xff;
/** Value of each byte that is a lower-case hex digit. */
const HEX = new Uint8Array(256).fill(NO_DIGIT);
for (let digit = 0; digit < 16; digit++) HEX[digit.toString(16).charCodeAt(0)] = digit;

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

/** Returns the flags of a `traceparent` of version 00 in the bytes of the wire, -1 where they are anything else. */
export function readTraceparentFlags(bytes: Uint8Array): number {
  if (bytes.length !== TRACEPARENT_BYTES || bytes[0] !== ZERO || bytes[1] !== ZERO) return -1;
  if (bytes[2] !== DASH || bytes[35] !== DASH || bytes[52] !== DASH) return -1;
  const traceBits = hexBits(bytes, 3, 35);
  const spanBits = hexBits(bytes, 36, 52);
  const high = HEX[bytes[53]!]!;
  const low = HEX[bytes[54]!]!;
  // One byte that is no digit sets all bits; an id of zeros sets none.
  if ((traceBits | spanBits | high | low) > 15 || traceBits === 0 || spanBits === 0) return -1;
  return high * 16 + low;
}

function hexBits(bytes: Uint8Array, from: number, to: number): number {
  let bits = 0;
  for (let i = from; i < to; i++) bits |= HEX[bytes[i]!]!;
  return bits;
}
