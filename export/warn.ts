import { diag } from "@opentelemetry/api";

/** Tells OpenTelemetry's `diag`; a logger of the app's that throws must not do so in the app's `span.end()`. */
export function warn(sentence: string, error?: unknown): void {
  try {
    diag.warn(`kafka-trail: ${sentence}`, ...(error === undefined ? [] : [error]));
  } catch {
    // Nobody is left to tell.
  }
}
