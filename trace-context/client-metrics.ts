import { createNoopMeter, ValueType } from "@opentelemetry/api";
import type { Attributes, Counter, Histogram, Meter, UpDownCounter } from "@opentelemetry/api";
import type { Tracing } from "./tracing.ts";

/** Seconds; the buckets that the messaging conventions ask for. */
const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** The metrics that producers and consumers share. */
export interface ClientMetrics {
  /** False while the app has no metrics SDK: then nothing need be measured. */
  readonly isMeasured: boolean;
  /** Time of a send, of an explicit commit, of `sendOffsets`, and of a transaction's end. */
  readonly operationDuration: Histogram;
  /** 1 while the client is connected. */
  readonly connected: UpDownCounter;
  /** Connections made after one was lost or closed. */
  readonly reconnects: Counter;
}

/** Returns a counter of whole numbers. */
export function createCounter(meter: Meter, name: string, unit: string, description: string): Counter {
  return meter.createCounter(name, { unit, description, valueType: ValueType.INT });
}

/** Returns a histogram of seconds; its buckets are the conventions' unless others are given. */
export function createTimer(
  meter: Meter,
  name: string,
  description: string,
  explicitBucketBoundaries = DURATION_BUCKETS,
): Histogram {
  return meter.createHistogram(name, { unit: "s", description, advice: { explicitBucketBoundaries } });
}

/** Returns the metrics that producers and consumers share. */
export function createClientMetrics(meter: Meter): ClientMetrics {
  const operationDuration = createTimer(
    meter,
    "messaging.client.operation.duration",
    "Duration of messaging operations",
  );
  return {
    // The API's meter without an SDK hands out one and the same instrument, for good.
    isMeasured: operationDuration !== createNoopMeter().createHistogram(""),
    operationDuration,
    connected: meter.createUpDownCounter("kafka_trail.client.connected", {
      unit: "{client}",
      description: "Clients that are connected",
      valueType: ValueType.INT,
    }),
    reconnects: createCounter(
      meter,
      "kafka_trail.client.reconnects",
      "{connection}",
      "Connections after a lost or closed one",
    ),
  };
}

/** Makes a set of instruments once a client, however many producers or consumers it has. */
export function oncePerClient<M>(create: (tracing: Tracing) => M): (tracing: Tracing) => M {
  const made = new WeakMap<Tracing, M & object>();
  return (tracing) => {
    const known = made.get(tracing);
    if (known !== undefined) return known;
    const created = create(tracing) as M & object;
    made.set(tracing, created);
    return created;
  };
}

/** Returns the attributes of a measurement: few values each, so no partition, no client and no member of a group. */
export function metricAttributes(
  { names }: Tracing,
  operation: string,
  topic: string | undefined,
  consumerGroup?: string,
): Attributes {
  const attributes: Attributes = {};
  for (const name of names) {
    attributes[name.system] = "kafka";
    attributes[name.operationName] = operation;
    if (topic !== undefined) attributes[name.destinationName] = topic;
    if (consumerGroup !== undefined) attributes[name.consumerGroup] = consumerGroup;
  }
  return attributes;
}

/** Counts the connections of one client, and those that follow another. Some clients tell of one connection twice. */
export class Connections {
  readonly #metrics: ClientMetrics;
  /** The attributes of the connection: what is added is taken away again under the same ones. */
  #connected: Attributes | undefined;
  #wasConnected = false;

  constructor(metrics: ClientMetrics) {
    this.#metrics = metrics;
  }

  connect(attributes: Attributes): void {
    if (this.#connected !== undefined) return;
    this.#connected = attributes;
    this.#metrics.connected.add(1, attributes);
    if (this.#wasConnected) this.#metrics.reconnects.add(1, attributes);
    this.#wasConnected = true;
  }

  disconnect(): void {
    if (this.#connected === undefined) return;
    this.#metrics.connected.add(-1, this.#connected);
    this.#connected = undefined;
  }
}
