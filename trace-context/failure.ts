import { SpanStatusCode } from "@opentelemetry/api";
import type { Span } from "@opentelemetry/api";
import { ERROR_TYPE } from "./semconv.ts";

const ERROR_TYPE_CHARACTERS_MAX = 128;

/**
 * Returns the class of a failure for `error.type`: the protocol's own name of it (`NOT_LEADER_FOR_PARTITION`) where a
 * Kafka client gives one, else the error's name, else what kind of value was thrown.
 */
export function errorType(error: unknown): string {
  if (typeof error !== "object" || error === null) return typeof error;
  const { type, name } = error as { type?: unknown; name?: unknown };
  const found = [type, name].find((it): it is string => typeof it === "string" && it !== "");
  return found?.slice(0, ERROR_TYPE_CHARACTERS_MAX) ?? "Error";
}

/** Records a failure on a span: its class, its text and the exception itself. The span is not ended. */
export function failSpan(span: Span, error: unknown): void {
  span.setAttribute(ERROR_TYPE, errorType(error));
  if (error instanceof Error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    span.recordException(error);
  } else {
    span.setStatus({ code: SpanStatusCode.ERROR, message: String(error) });
  }
}
