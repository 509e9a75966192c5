import { warn } from "../trace-context/index.ts";
import { isSdkRegistered } from "../trace-context/registered-sdk.ts";

const said = new Set<string>();

function once(sentence: string, say: (sentence: string) => void): void {
  if (said.has(sentence)) return;
  said.add(sentence);
  say(sentence);
}

/**
 * True where `@opentelemetry/instrumentation-kafkajs` wraps this method of a Kafka client, a producer or a consumer (it
 * marks what it wraps `__wrapped`), and says so once: traced twice, every message would have two spans and the context of
 * the wrong one.
 */
export function isTracedByOpenTelemetry(
  owner: object,
  method: "producer" | "consumer" | "send" | "run",
): boolean {
  const marked = (owner as Record<string, { __wrapped?: unknown } | undefined>)[method];
  if (marked?.__wrapped !== true) return false;
  once(
    "@opentelemetry/instrumentation-kafkajs already traces this client, so kafka-trail leaves it alone. " +
      "Disable that instrumentation to have the client traced by kafka-trail.",
    (sentence) => warn(sentence),
  );
  return true;
}

/**
 * Says once that spans go nowhere, where no SDK is registered by the time a client connects.
 *
 * As a process warning: without an SDK nobody has given `diag` a logger, and the sentence would go unheard.
 */
export function warnWithoutSdk(): void {
  if (isSdkRegistered()) return;
  once(
    "kafka-trail traces this Kafka client, but no OpenTelemetry SDK is registered, so its spans go nowhere. " +
      "Start the app with `node --import kafka-trail/register`, or call startExport() from kafka-trail/export first.",
    (sentence) => process.emitWarning(sentence, { type: "kafka-trail" }),
  );
}
