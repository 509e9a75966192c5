import { diag } from "@opentelemetry/api";

/** As process warnings: a sentence that names something of the app's could come in ever new forms. */
const SENTENCES_MAX = 100;
const told = new Set<string>();

/**
 * Tells OpenTelemetry's `diag`, and each sentence once the process too, by a process warning: most apps give `diag` no
 * logger, and nobody would hear it.
 *
 * Never throws: a logger of the app's that does must not do to the app what our own error could not.
 */
export function warn(sentence: string, error?: unknown): void {
  try {
    diag.warn(`kafka-trail: ${sentence}`, ...(error === undefined ? [] : [error]));
  } catch {
    // Nobody is left to tell.
  }
  if (told.has(sentence) || told.size >= SENTENCES_MAX) return;
  told.add(sentence);
  const seen = messageOf(error);
  // Node puts the type in front.
  process.emitWarning(seen === undefined ? sentence : `${sentence} Seen: ${seen}`, { type: "kafka-trail" });
}

/** {@link warn} for the very end of a process, when nothing asynchronous runs any more. */
export function warnAtExit(sentence: string): void {
  const warning = Object.assign(new Error(sentence), { name: "kafka-trail" });
  try {
    // What emitWarning() would do in a later turn; --no-warnings goes for it as well.
    process.emit("warning", warning);
  } catch {
    // A listener of the app's threw.
  }
}

function messageOf(error: unknown): string | undefined {
  if (typeof error === "string") return error;
  const { message } = (error ?? {}) as { message?: unknown };
  return typeof message === "string" && message !== "" ? message : undefined;
}
