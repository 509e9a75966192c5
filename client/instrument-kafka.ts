import { warn, type TraceOptions } from "../trace-context/index.ts";
import { createTracedKafka, makeConsumer, makeProducer, type TracedKafka } from "./traced-clients.ts";

interface KafkaClass {
  readonly prototype: Record<"producer" | "consumer", (config?: object) => object>;
}

const undos = new WeakMap<object, () => void>();

/**
 * Traces every Kafka client of a module: patches `producer` and `consumer` of the `Kafka` class it is handed, and
 * returns the undo.
 *
 * Takes `kafkajs`, or `KafkaJS` of `@confluentinc/kafka-javascript`, as it was imported or required; clients made earlier
 * are traced from their next `producer()` on. Works under ESM, CommonJS and in bundles, whatever was imported first. Where
 * there is no `Kafka` class, it says so and does nothing.
 *
 * @example
 * import * as kafkajs from "kafkajs";
 * import { instrumentKafka } from "kafka-trail";
 * instrumentKafka(kafkajs);
 */
export function instrumentKafka(module: unknown, options: TraceOptions = {}): () => void {
  const found = kafkaClassOf(module);
  if (!found) {
    warn("instrumentKafka() was handed no module with a Kafka class. Hand it kafkajs itself.");
    return () => {};
  }
  const { kafkaClass, holder } = found;
  const known = undos.get(kafkaClass.prototype);
  if (known) return known;

  const sources = new WeakMap<object, TracedKafka>();
  const sourceOf = (kafka: object): TracedKafka => {
    const source = sources.get(kafka) ?? createTracedKafka(options, { kafka, module: holder });
    sources.set(kafka, source);
    return source;
  };
  const restore = [
    replace(kafkaClass.prototype, "producer", (original) => {
      return function producer(this: object, config?: object) {
        return makeProducer(sourceOf(this), (it) => original.call(this, it), config);
      };
    }),
    replace(kafkaClass.prototype, "consumer", (original) => {
      return function consumer(this: object, config?: object) {
        return makeConsumer(sourceOf(this), (it) => original.call(this, it), config);
      };
    }),
  ];
  const undo = () => {
    undos.delete(kafkaClass.prototype);
    for (const run of restore) run();
  };
  undos.set(kafkaClass.prototype, undo);
  return undo;
}

/** Finds the class in a module, in its default export (an ES import of CommonJS) or in Confluent's `KafkaJS`. */
function kafkaClassOf(module: unknown): { kafkaClass: KafkaClass; holder: unknown } | undefined {
  const outer = module as { default?: unknown; KafkaJS?: unknown } | undefined;
  const inner = outer?.default as { KafkaJS?: unknown } | undefined;
  for (const holder of [outer, inner, outer?.KafkaJS, inner?.KafkaJS]) {
    const candidate = (holder as { Kafka?: Partial<KafkaClass> } | undefined)?.Kafka;
    if (typeof candidate?.prototype?.producer !== "function") continue;
    if (typeof candidate.prototype.consumer !== "function") continue;
    return { kafkaClass: candidate as KafkaClass, holder };
  }
  return undefined;
}

/** Replaces a method, hidden or shown as it was. The undo leaves alone what somebody else has put there since. */
function replace(
  prototype: KafkaClass["prototype"],
  name: "producer" | "consumer",
  wrap: (original: (config?: object) => object) => (config?: object) => object,
): () => void {
  const original = prototype[name];
  const before = Object.getOwnPropertyDescriptor(prototype, name);
  const value = wrap(original);
  Object.defineProperty(prototype, name, { configurable: true, writable: true, ...before, value });
  return () => {
    if (prototype[name] !== value) return;
    if (before) Object.defineProperty(prototype, name, before);
    else Reflect.deleteProperty(prototype, name);
  };
}
