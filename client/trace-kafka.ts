import { warn, type TraceOptions } from "../trace-context/index.ts";
import { hasMethod } from "./client-facts.ts";
import { createTracedKafka, makeConsumer, makeProducer, type Make } from "./traced-clients.ts";

const tracedOf = new WeakMap<object, object>();
const traced = new WeakSet<object>();

/**
 * Returns a Kafka client whose every `producer()` and `consumer()` is traced; the rest of it, `admin()` too, is the
 * client's own.
 *
 * Use the result in place of `kafka`, which keeps working untraced. Works with kafkajs and with the KafkaJS API of
 * `@confluentinc/kafka-javascript`. Nothing handed in is changed; nothing of tracing can make a call fail, wait or behave
 * differently. Tracing a client twice changes nothing.
 *
 * @example
 * import { Kafka } from "kafkajs";
 * import { traceKafka } from "kafka-trail";
 *
 * const kafka = traceKafka(new Kafka({ clientId: "checkout", brokers: ["localhost:9092"] }));
 * const producer = kafka.producer();
 */
export function traceKafka<K extends object>(kafka: K, options: TraceOptions = {}): K {
  if (typeof kafka !== "object" || kafka === null || traced.has(kafka)) return kafka;
  const known = tracedOf.get(kafka) as K | undefined;
  if (known) return known;
  if (!hasMethod(kafka, "producer")) {
    warn(
      "traceKafka() was handed no Kafka client. Hand it `new Kafka(...)`; traceProducer() takes a producer.",
    );
    return kafka;
  }
  const source = createTracedKafka(options, { kafka });
  const own = kafka as Record<"producer" | "consumer", Make>;
  const replaced: Readonly<Record<string, Make>> = {
    producer: (config) => makeProducer(source, (it) => own.producer(it), config),
    consumer: (config) => makeConsumer(source, (it) => own.consumer(it), config),
  };
  const proxy = new Proxy<K>(kafka, { get: propertiesOf(replaced) });
  tracedOf.set(kafka, proxy);
  traced.add(proxy);
  return proxy;
}

/**
 * Returns a proxy's `get`. Methods are bound to the client itself, as classes with private fields work on nothing else,
 * and kept, so that a method stays equal to itself.
 */
function propertiesOf(replaced: Readonly<Record<string, Make>>): ProxyHandler<object>["get"] & {} {
  const bound = new WeakMap<object, unknown>();
  return (target: object, property: string | symbol): unknown => {
    const value: unknown = Reflect.get(target, property, target);
    if (typeof value !== "function" || property === "constructor") return value;
    // A proxy may not show anything else for a property that can never change.
    const own = Reflect.getOwnPropertyDescriptor(target, property);
    if (own?.configurable === false && own.writable === false) return value;
    if (typeof property === "string" && Object.hasOwn(replaced, property)) return replaced[property];
    if (!bound.has(value)) bound.set(value, value.bind(target));
    return bound.get(value);
  };
}
