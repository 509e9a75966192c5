import type { Attributes } from "@opentelemetry/api";
import { attempt } from "./attempt.ts";
import type { ProducerTrail } from "./producer-trail.ts";

/** The parts of a client that tell what happens inside of it. */
interface EventSource {
  readonly events?: Readonly<Record<string, string>>;
  on?(name: string, listener: () => void): unknown;
}

/** Counts the connections of a producer that tells of them: kafkajs's. No listener throws. */
export function listenToProducer(producer: object, trail: ProducerTrail): void {
  const { guard, metrics, tracing } = trail;
  const source = producer as EventSource;
  // Confluent's client has the property, and throws when it is read.
  const { CONNECT, DISCONNECT } = attempt(() => source.events) ?? {};
  if (CONNECT === undefined || DISCONNECT === undefined || typeof source.on !== "function") return;
  // The attributes of the connection: what is added is taken away again under the same ones.
  let connected: Attributes | undefined;
  let wasConnected = false;
  source.on(CONNECT, () =>
    guard.try(() => {
      if (connected !== undefined) return;
      connected = connectionAttributes(tracing);
      metrics.connected.add(1, connected);
      if (wasConnected) metrics.reconnects.add(1, connected);
      wasConnected = true;
    }),
  );
  source.on(DISCONNECT, () =>
    guard.try(() => {
      if (connected === undefined) return;
      metrics.connected.add(-1, connected);
      connected = undefined;
    }),
  );
}

function connectionAttributes({ names }: ProducerTrail["tracing"]): Attributes {
  return Object.fromEntries(names.map(({ system }) => [system, "kafka"]));
}
