const TRACE_ID_ZERO = "0".repeat(32);
const SPAN_ID_ZERO = "0".repeat(16);

/** True for 16 bytes in hex that are not all zero. */
export function isTraceId(hex: string): boolean {
  return hex.length === 32 && hex !== TRACE_ID_ZERO;
}

/** True for 8 bytes in hex that are not all zero. */
export function isSpanId(hex: string): boolean {
  return hex.length === 16 && hex !== SPAN_ID_ZERO;
}
