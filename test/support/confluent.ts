import { createRequire } from "node:module";
import { join } from "node:path";
import type * as Kafkajs from "kafkajs";
import { findCached } from "../../dev/cache.ts";
import { kafkaBrokers } from "./services.ts";

const NAME = "@confluentinc/kafka-javascript";
/** Where .ci/run and CONTRIBUTING's command put it: it is compiled for about two minutes, so it is no dependency. */
const CACHED = "confluent-kafka-javascript-1.10.1";

/** The parts of its KafkaJS API that tests call; its shape is kafkajs's, its configuration is not. */
export interface Confluent {
  readonly KafkaJS: { readonly Kafka: new (config: object) => ConfluentKafka };
}

export interface ConfluentKafka {
  producer(config?: object): Kafkajs.Producer;
  consumer(config: object): Kafkajs.Consumer;
}

/** Confluent's client, `undefined` where it cannot be had: by `CONFLUENT_KAFKA_JAVASCRIPT`, the cache, or an install. */
export function findConfluent(): Confluent | undefined {
  const cached = findCached(CACHED);
  const places = [
    process.env["CONFLUENT_KAFKA_JAVASCRIPT"],
    cached && join(cached, "node_modules", NAME),
    NAME,
  ];
  const load = createRequire(__filename);
  for (const place of places) {
    if (place === undefined || place === "") continue;
    try {
      return load(place) as Confluent;
    } catch {
      // Not there, or compiled for another Node.
    }
  }
  return undefined;
}

/** A client of the real broker. Its own log would tell what tests provoke. */
export function confluentKafka({ KafkaJS }: Confluent): ConfluentKafka {
  return new KafkaJS.Kafka({ kafkaJS: { clientId: "confluent", brokers: kafkaBrokers(), logLevel: 0 } });
}
