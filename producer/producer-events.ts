import { Connections } from "../trace-context/index.ts";
import { attempt } from "./attempt.ts";
import type { ProducerTrail } from "./producer-trail.ts";

/** The parts of a client that tell what happens inside of it. */
interface EventSource {
  readonly events?: Readonly<Record<string, string>>;
  on?(name: string, listener: () => void): unknown;
}

/** Counts the connections of a producer that tells of them: kafkajs's. No listener throws. */
export function listenToProducer(producer: object, { guard, metrics, tracing }: ProducerTrail): void {
  const source = producer as EventSource;
  // Confluent's client has the property, and throws when it is read.
  const { CONNECT, DISCONNECT } = attempt(() => source.events) ?? {};
  if (CONNECT === undefined || DISCONNECT === undefined || typeof source.on !== "function") return;
  const connections = new Connections(metrics);
  const attributes = Object.fromEntries(tracing.names.map(({ system }) => [system, "kafka"]));
  source.on(CONNECT, () => guard.try(() => connections.connect(attributes)));
  source.on(DISCONNECT, () => guard.try(() => connections.disconnect()));
}
