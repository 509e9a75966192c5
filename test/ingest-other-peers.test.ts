import { decodeTraces } from "../trace-store/ingest/decode.ts";
import { aSpan, encodeTraces, Kind, type Attributes, type TestSpan } from "./support/otlp.ts";
import { inShort } from "./support/peers.ts";

// Attributes, names and kinds as their sources write them; the source and its commit stand beside each.

const shortOf = (span: Partial<TestSpan> & { attributes: Attributes }): string =>
  decodeTraces(encodeTraces([aSpan({ service: "app", ...span })]))
    .rows.map(inShort)
    .join();

const KAFKA = { "messaging.system": "kafka" };
const TOPIC = { "messaging.destination": "orders", "messaging.destination_kind": "topic" };
const received = (attributes: Attributes, name: string): string =>
  shortOf({ name, kind: Kind.consumer, attributes });
const sent = (attributes: Attributes, name: string, more: Partial<TestSpan> = {}): string =>
  shortOf({ name, kind: Kind.producer, attributes, ...more });

// open-telemetry/opentelemetry-go-contrib 7e7ec20, Shopify/sarama/otelsarama/dispatcher.go and producer.go.
test("otelsarama: the message id is the offset, and no id", () => {
  const at = { ...KAFKA, ...TOPIC, "messaging.message_id": "4711", "messaging.kafka.partition": 3 };

  expect(received({ ...at, "messaging.operation": "receive" }, "kafka.consume")).toBe(
    "app receive orders/3/4711 - - - unset",
  );
  expect(sent(at, "kafka.produce")).toBe("app send orders/3/4711 - - - unset");
  expect(sent(at, "kafka.produce", { status: { code: 2, message: "not leader" } })).toBe(
    "app send orders/3/- - - - error",
  );
});

// Trendyol/otel-kafka-konsumer 066bf46, reader.go and writer.go.
test("kafka-go's wrapper names no system; what it says of a send's place it says before there is one", () => {
  const key = { "messaging.kafka.message_key": "order-17" };
  const at = { "messaging.message_id": "12", "messaging.kafka.partition": 2 };
  const unsent = { "messaging.message_id": "0", "messaging.kafka.partition": 0 };

  expect(
    received({ ...TOPIC, ...key, ...at, "messaging.operation": "receive" }, "received from orders"),
  ).toBe("app receive orders/2/12 - order-17 - unset");
  expect(sent({ ...TOPIC, ...key, ...unsent }, "orders send")).toBe("app send orders/-/- - order-17 - unset");
});

// ekazakas/otel-kafka 67b9c09, consumer.go.
test("a wrapper of confluent-kafka-go gives its offset twice, once as the message's id", () => {
  const attributes = {
    ...KAFKA,
    "messaging.operation.name": "consume",
    "messaging.operation.type": "receive",
    "messaging.destination.name": "orders",
    "messaging.consumer.group.name": "billing",
    "messaging.kafka.offset": 12,
    "messaging.kafka.message.key": "order-17",
    "messaging.message.id": "12",
    "messaging.destination.partition.id": "2",
  };

  expect(received(attributes, "orders consume")).toBe("app receive orders/2/12 billing order-17 - unset");
});

test("a number that is a message's own id stays one: of those who have a name for the offset, and of those without a partition", () => {
  const own = { ...KAFKA, "messaging.destination.name": "orders", "messaging.message.id": "17" };
  const named = { "messaging.operation.name": "process", "messaging.operation.type": "process" };

  expect(
    received(
      { ...own, ...named, "messaging.destination.partition.id": "0", "messaging.kafka.offset": 17 },
      "process orders",
    ),
  ).toBe("app process orders/0/17 - - 17 unset");
  expect(received(own, "orders process")).toBe("app process orders/-/- - - 17 unset");
});

// open-telemetry/opentelemetry-php-contrib 1557667, src/Instrumentation/ExtRdKafka.
test("PHP's ext-rdkafka names its topic in the span's name only", () => {
  const published = { ...KAFKA, "messaging.operation.type": "publish", "code.function": "producev" };
  const processed = {
    ...KAFKA,
    "messaging.operation.type": "process",
    "messaging.kafka.message.key": "order-17",
    "messaging.kafka.message.offset": 12,
  };

  expect(sent(published, "orders.eu publish")).toBe("app send orders.eu/-/- - - - unset");
  expect(received(processed, "orders.eu process")).toBe("app process orders.eu/-/- - order-17 - unset");
});

// open-telemetry/opentelemetry-ruby-contrib 0c5e5bf, instrumentation/rdkafka.
test("Ruby's rdkafka: a message has its place, a batch has neither topic nor place", () => {
  const at = { "messaging.kafka.partition": 2, "messaging.kafka.offset": 12 };
  const batch = { "messaging.destination_kind": "topic", "messaging.kafka.message_count": 20 };

  expect(
    received({ ...KAFKA, ...TOPIC, ...at, "messaging.kafka.message_key": "order-17" }, "orders process"),
  ).toBe("app process orders/2/12 - order-17 - unset");
  expect(received({ ...KAFKA, ...batch }, "batch process")).toBe("app process -/-/- - - - unset");
});

// openzipkin/brave 2f8fb1f, kafka-clients' KafkaTags: what arrives through the collector's Zipkin receiver.
test("Brave, by way of Zipkin: its tags name the topic and the key", () => {
  expect(sent({ "kafka.topic": "orders", "kafka.key": "order-17" }, "send")).toBe(
    "app send orders/-/- - order-17 - unset",
  );
  expect(received({ "kafka.topic": "orders" }, "poll")).toBe("app receive orders/-/- - - - unset");
});

// aspecto-io/opentelemetry-ext-js, the kafkajs instrumentation before it was OpenTelemetry's: spans named by the topic.
test("a topic that is called like an operation does not make a send of a handling, nor the other way round", () => {
  const attributes = { ...KAFKA, "messaging.destination": "process" };

  expect(sent(attributes, "process")).toBe("app send process/-/- - - - unset");
  expect(received({ ...KAFKA, "messaging.destination": "send" }, "send")).toBe(
    "app process send/-/- - - - unset",
  );
});

test("a partition under two names counts once, and an empty one not at all", () => {
  const at = { ...KAFKA, ...TOPIC, "messaging.operation": "process", "messaging.kafka.message.offset": "12" };

  expect(received({ ...at, "messaging.kafka.source.partition": "2" }, "orders process")).toBe(
    "app process orders/2/12 - - - unset",
  );
  expect(
    received(
      { ...at, "messaging.destination.partition.id": "", "messaging.kafka.destination.partition": 2 },
      "x",
    ),
  ).toBe("app process orders/2/12 - - - unset");
});

// spring-projects/spring-kafka v3.0.17 and 3f3cf7d, support/micrometer/KafkaListenerObservation.java and KafkaTemplateObservation.java.
test("Spring until 3.2 says in its spans' names alone what they are about; later a missing group is spelled none", () => {
  const listener = { "spring.kafka.listener.id": "billing-0" };
  const at = { "messaging.kafka.source.partition": "2", "messaging.kafka.message.offset": "12" };
  const newer = {
    ...listener,
    ...KAFKA,
    ...at,
    "messaging.operation": "process",
    "messaging.source.name": "orders",
  };

  expect(received(listener, "orders receive")).toBe("app receive orders/-/- - - - unset");
  expect(sent({ "spring.kafka.template.name": "kafkaTemplate" }, "orders send")).toBe(
    "app send orders/-/- - - - unset",
  );
  expect(received({ ...newer, "messaging.kafka.consumer.group": "none" }, "orders process")).toBe(
    "app process orders/2/12 - - - unset",
  );
  expect(received({ ...KAFKA, ...at, "messaging.kafka.consumer.group": "none" }, "orders process")).toBe(
    "app process -/2/12 none - - unset",
  );
});

// vert-x3/vertx-kafka-client e200274 and 4.5.0, common/tracing/TraceTags.java; eclipse-vertx/vertx-tracing, OpenTelemetryTracer.java.
test("Vert.x names no system, and records what a handler threw without a status", () => {
  const attributes = { "peer.service": "kafka", "messaging.destination.name": "orders" };
  const thrown = {
    events: [{ timeNs: 1n, name: "exception", attributes: { "exception.type": "Declined" } }],
  };
  const older = { "peer.service": "kafka", "message_bus.destination": "orders" };

  expect(sent(attributes, "kafka_send")).toBe("app send orders/-/- - - - unset");
  expect(received(older, "kafka_receive")).toBe("app process orders/-/- - - - unset");
  expect(shortOf({ name: "kafka_receive", kind: Kind.consumer, attributes, ...thrown })).toBe(
    "app process orders/-/- - - - error",
  );
  expect(received({ ...attributes, "messaging.system": "rabbitmq" }, "orders process")).toBe(
    "app none -/-/- - - - unset",
  );
});

test("an exception that left its span failed it; one that was only noted did not", () => {
  const process = (escaped?: boolean | string): string => {
    const attributes = escaped === undefined ? {} : { "exception.escaped": escaped };
    const events = [{ timeNs: 1n, name: "exception", attributes }];
    return shortOf({
      name: "orders process",
      kind: Kind.consumer,
      attributes: { ...KAFKA, ...TOPIC },
      events,
    });
  };

  expect([process(true), process("True")]).toEqual(Array(2).fill("app process orders/-/- - - - error"));
  expect([process(), process(false)]).toEqual(Array(2).fill("app process orders/-/- - - - unset"));
});

// DataDog/dd-trace-js 5735ffe, datadog-plugin-kafkajs/src; DataDog/dd-trace-go a4bdff1, contrib/confluentinc and IBM/sarama.
test("Datadog's tags, as the collector's receiver passes them on", () => {
  const js = {
    "kafka.topic": "orders",
    "kafka.cluster_id": "east",
    "messaging.destination.name": "orders",
    "kafka.partition": 2,
    "kafka.message.offset": "12",
  };
  const go = { ...KAFKA, "messaging.destination.name": "orders", "messaging.kafka.partition": 2, offset: 12 };

  expect(received(js, "kafka.consume")).toBe("app process orders/2/12 - - - unset");
  expect(received(go, "kafka.consume")).toBe("app process orders/2/12 - - - unset");
  expect(shortOf({ name: "list", kind: Kind.server, attributes: { offset: 12 } })).toBe(
    "app none -/-/- - - - unset",
  );
});

// opentracing-contrib/java-kafka-client, StandardSpanDecorator.java: what an OpenTracing shim passes on.
test("OpenTracing's tags", () => {
  const at = { "peer.service": "kafka", "message_bus.destination": "orders", partition: 2, offset: 12 };

  expect(received({ ...at, component: "java-kafka" }, "From_orders")).toBe(
    "app process orders/2/12 - - - unset",
  );
});

// JasperFx/wolverine a4b6f5b, Envelope.Internals.cs.
test("Wolverine names its topic by an address", () => {
  const attributes = {
    ...KAFKA,
    "messaging.destination": "kafka://topic/orders.eu",
    "messaging.message_id": "m-1",
  };

  expect(received(attributes, "receive")).toBe("app receive orders.eu/-/- - - m-1 unset");
});

// open-telemetry/opentelemetry-java-instrumentation 3300ac6, KafkaBatchRecordAttributes.java; a run of 2.33.1 beside it.
test("java agent, new names: what all messages of a batch share stands on the span, and the rest on its links", () => {
  const attributes = {
    ...KAFKA,
    "messaging.destination.name": "orders",
    "messaging.destination.partition.id": "2",
    "messaging.batch.message_count": 2,
    "messaging.consumer.group.name": "billing",
  };
  const links = [7, 8].map((offset) => ({
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: `b7ad6b716920333${offset}`,
    attributes: { "messaging.kafka.offset": offset, "messaging.kafka.message.key": `order-${offset}` },
  }));
  const of = (operation: string, kind: number): string =>
    shortOf({
      name: `${operation} orders`,
      kind,
      links,
      attributes: { ...attributes, "messaging.operation.type": operation },
    });

  expect(of("process", Kind.consumer)).toBe(
    "app process orders/2/- billing - - unset links:2 processed:orders/2/7-7 processed:orders/2/8-8",
  );
  expect(of("receive", Kind.client)).toBe(
    "app receive orders/2/- billing - - unset links:2 handed:orders/2/7-7 handed:orders/2/8-8",
  );
});
