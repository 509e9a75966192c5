import { interceptConsumer, type ConsumerFacts } from "../consumer/index.ts";
import { interceptProducer, recordPartitions, type ProducerFacts } from "../producer/index.ts";
import {
  createTracing,
  usableOptions,
  warn,
  type TraceOptions,
  type Tracing,
} from "../trace-context/index.ts";
import { hasMethod, learnClientId, whenConnected } from "./client-facts.ts";
import { readEnvironment } from "./config.ts";
import { findDefaultPartitioner, type CreatePartitioner } from "./partitioners.ts";
import { isTracedByOpenTelemetry, warnWithoutSdk } from "./warnings.ts";

/** A client's own `producer()` or `consumer()`, called as the app calls it. */
export type Make = (config?: object) => object;

/** The parts of a client's configuration that tracing reads: kafkajs's, and Confluent's two spellings. */
interface ClientConfig {
  readonly createPartitioner?: CreatePartitioner;
  readonly idempotent?: boolean;
  readonly transactionalId?: string;
  readonly groupId?: string;
  readonly kafkaJS?: ClientConfig;
  readonly "group.id"?: string;
  readonly "transactional.id"?: string;
}

/** Where one Kafka client comes from, and how the app wants it traced. */
export interface TracedKafka {
  readonly tracing: Tracing;
  readonly options: TraceOptions;
  /** The Kafka client itself; `undefined` where only a producer or a consumer was handed over. */
  readonly kafka: object | undefined;
  /** The module that was handed to `instrumentKafka`, where it was. */
  readonly module: unknown;
  /** Called with each of its producers and consumers when they are made. */
  readonly watch: (client: object) => void;
}

/** Traced client by the client it stands for. */
const tracedOf = new WeakMap<object, object>();
/** Every traced client: tracing it again changes nothing. */
const traced = new WeakSet<object>();
/** Classes that have had their chance to print kafkajs's warning about the default partitioner. */
const warned = new WeakSet<object>();

/** Makes what all producers and consumers of one Kafka client are traced with. */
export function createTracedKafka(
  given: TraceOptions,
  source: { kafka?: object; module?: unknown; clientId?: string | undefined },
): TracedKafka {
  const options = usableOptions(given);
  const environment = readEnvironment();
  const tracing = createTracing(options, environment);
  let clientId = source.clientId;
  // Read late, as a Kafka instance keeps its id to itself: the first network request names it.
  Object.defineProperty(tracing, "clientId", { get: () => clientId });
  const mustHaveSdk = options.tracer === undefined && !environment.isSdkDisabled;
  return {
    tracing,
    options,
    kafka: source.kafka,
    module: source.module,
    watch(client) {
      tracing.guard.try(() => {
        if (mustHaveSdk) whenConnected(client, warnWithoutSdk);
        if (clientId === undefined) learnClientId(client, (learned) => (clientId ??= learned));
      });
    },
  };
}

/** Returns the traced producer that `make` makes; what `make` throws is the app's, and goes to the app. */
export function makeProducer(source: TracedKafka, make: Make, config: object | undefined): object {
  if (isRefused(source, "producer")) return make(config);
  const recorded = source.tracing.guard.try(() => recordedPartitions(source, make, config ?? {}));
  const producer = make(recorded ? withPartitioner(config, recorded.createPartitioner) : config);
  const facts = source.tracing.guard.try(() => producerFacts(config)) ?? {};
  return traceProducerOf(source, producer, { ...facts, partitions: recorded?.partitions });
}

/** Returns the traced consumer that `make` makes; what `make` throws is the app's, and goes to the app. */
export function makeConsumer(source: TracedKafka, make: Make, config: object | undefined): object {
  if (isRefused(source, "consumer")) return make(config);
  const consumer = make(config);
  return traceConsumerOf(source, consumer, { groupId: source.tracing.guard.try(() => groupIdOf(config)) });
}

/** Asked at each call: OpenTelemetry's patch may have come after ours. */
function isRefused({ kafka, tracing }: TracedKafka, method: "producer" | "consumer"): boolean {
  return tracing.guard.try(() => kafka !== undefined && isTracedByOpenTelemetry(kafka, method)) ?? false;
}

/** Returns `producer` traced, or itself where it is traced already or cannot be. */
export function traceProducerOf<P extends object>(source: TracedKafka, producer: P, facts: ProducerFacts): P {
  return traceOnce(source, producer, "send", () =>
    interceptProducer(producer as never, source.tracing, facts),
  );
}

/** Returns `consumer` traced, or itself where it is traced already or cannot be. */
export function traceConsumerOf<C extends object>(source: TracedKafka, consumer: C, facts: ConsumerFacts): C {
  return traceOnce(source, consumer, "run", () =>
    interceptConsumer(consumer as never, source.tracing, facts),
  );
}

function traceOnce<C extends object>(
  source: TracedKafka,
  client: C,
  method: "send" | "run",
  intercept: () => object,
): C {
  const made = source.tracing.guard.try(() => {
    if (traced.has(client)) return client;
    const known = tracedOf.get(client);
    if (known) return known;
    if (!hasMethod(client, method)) {
      const called =
        method === "send"
          ? "traceProducer() was handed no producer"
          : "traceConsumer() was handed no consumer";
      warn(`${called}: it has no ${method}(). Hand it what kafka.producer() or kafka.consumer() returns.`);
      return client;
    }
    if (isTracedByOpenTelemetry(client, method)) return client;
    const fresh = intercept();
    tracedOf.set(client, fresh);
    traced.add(fresh);
    source.watch(client);
    return fresh;
  });
  return (made as C | undefined) ?? client;
}

function producerFacts(config: object | undefined): ProducerFacts {
  const { kafkaJS, ...own } = (config ?? {}) as ClientConfig;
  const transactionalId = own.transactionalId ?? kafkaJS?.transactionalId ?? own["transactional.id"];
  return { transactionalId };
}

function groupIdOf(config: object | undefined): string | undefined {
  const { groupId, kafkaJS, "group.id": confluent } = (config ?? {}) as ClientConfig;
  return groupId ?? kafkaJS?.groupId ?? confluent;
}

/** Wraps the partitioner that the client is going to use; `undefined` where it cannot be known. */
function recordedPartitions(source: TracedKafka, make: Make, config: ClientConfig) {
  const given = config.createPartitioner;
  // `null` counts as given nothing, as in kafkajs.
  if (given !== undefined && given !== null) return recordPartitions(given);
  const kafkaClass: unknown = source.kafka?.constructor;
  const { partitioners } = source.options;
  const found = findDefaultPartitioner({ kafkaClass, module: source.module, partitioners });
  if (!found) return undefined;
  letKafkajsWarn(kafkaClass, make);
  return recordPartitions(found);
}

/**
 * kafkajs warns once a process when a producer is made without a partitioner, and we are about to name one. So one
 * producer is made without and thrown away: it opens nothing, and whether, how and where to warn stays kafkajs's choice.
 */
function letKafkajsWarn(kafkaClass: unknown, make: Make): void {
  if (typeof kafkaClass !== "function" || warned.has(kafkaClass)) return;
  warned.add(kafkaClass);
  make();
}

/** The app's own config, looked at through one that names the partitioner: nothing of it is read or copied here. */
function withPartitioner(config: object | undefined, createPartitioner: unknown): object {
  return Object.create(config ?? null, {
    createPartitioner: { value: createPartitioner, enumerable: true },
  }) as object;
}
