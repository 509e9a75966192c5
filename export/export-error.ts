/** gRPC's word for an answer that did not come in time. */
export const GRPC_DEADLINE_EXCEEDED = 4;

// Failures in passing, by the OTLP specification (gRPC and HTTP responses that a client may try again).
// UNAUTHENTICATED, PERMISSION_DENIED, 401 and 403 are added: a wrong token is put right by an operator, and until then
// the spans are worth keeping.
const GRPC_PASSING = new Set([1, GRPC_DEADLINE_EXCEEDED, 7, 8, 10, 11, 14, 15, 16]);
const HTTP_PASSING = new Set([401, 403, 408, 429, 502, 503, 504]);

/** True for a failure that may pass, so that the same request is worth another try. */
export function isRetryable(error: unknown): boolean {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  if (typeof code === "number") return GRPC_PASSING.has(code) || HTTP_PASSING.has(code);
  // A system error's code is a word: ECONNREFUSED, ETIMEDOUT, ENOTFOUND.
  return typeof code === "string" && /^E[A-Z]+$/.test(code);
}
