import { diag, DiagLogLevel, SpanStatusCode, trace, type Meter, type Tracer } from "@opentelemetry/api";
import type { EachBatchPayload, EachMessagePayload } from "kafkajs";
import { interceptConsumer, type ReceivedMessage } from "../consumer/index.ts";
import { createTracing } from "../trace-context/index.ts";
import { closeClients, consume, consumeFake, produce, someMessages, waitFor } from "./support/consumers.ts";
import { followContext, named, tracing } from "./support/spans.ts";
import { createTopic } from "./support/topics.ts";

beforeAll(followContext);
afterEach(closeClients);
afterEach(() => diag.disable());

const ONE = { topic: "orders", messages: [{ offset: "0" }] };

/** Collects what a handler was called with. */
function collecting() {
  const seen: EachMessagePayload[] = [];
  const eachMessage = async (payload: EachMessagePayload) => void seen.push(payload);
  return {
    seen,
    eachMessage,
    reached: (count: number) => waitFor("The messages", () => seen.length >= count),
  };
}

test("what the app hands to run() is not changed, and may be frozen", async () => {
  const topic = await createTopic("frozen");
  await produce(topic, someMessages(1));
  const { eachMessage, reached } = collecting();
  const config = Object.freeze({ eachMessage, autoCommit: false });

  const { finished } = await consume({ topic, run: config });
  await reached(1);

  expect(config.eachMessage).toBe(eachMessage);
  expect(named(finished(), `process ${topic}`)).toHaveLength(1);
});

test("a config may be an object of a class", async () => {
  const topic = await createTopic("class");
  await produce(topic, someMessages(1));
  class Handler {
    readonly seen: string[] = [];
    eachMessage = async ({ message }: EachMessagePayload) => void this.seen.push(message.offset);
    get autoCommit() {
      return false;
    }
  }
  const handler = new Handler();

  const { finished } = await consume({ topic, run: handler });
  await waitFor("The message", () => handler.seen.length === 1);

  expect(named(finished(), `process ${topic}`)).toHaveLength(1);
});

test("a traced consumer is traced once, and its functions stay the same", async () => {
  const topic = await createTopic("once");
  const { consumer, plain, tracing } = await consume({ topic, run: { eachMessage: async () => {} } });

  expect(interceptConsumer(consumer, tracing, {})).toBe(consumer);
  expect(interceptConsumer(plain, tracing, {})).toBe(consumer);
  expect(Reflect.get(consumer, "run")).toBe(Reflect.get(consumer, "run"));
  expect(consumer.constructor).toBe(plain.constructor);
});

test("a handler that returns at once ends its span at once, and one that throws marks it", async () => {
  const topic = await createTopic("sync");
  await produce(topic, someMessages(2));
  const seen: string[] = [];
  const eachMessage = ({ message }: EachMessagePayload): never => {
    seen.push(message.offset);
    if (seen.length === 2) throw new RangeError("too far");
    return undefined as never;
  };

  const { finished } = await consume({ topic, run: { eachMessage } });
  await waitFor("Both spans", () => named(finished(), `process ${topic}`).length === 2);

  const [first, second] = named(finished(), `process ${topic}`);
  expect(first?.status.code).toBe(SpanStatusCode.UNSET);
  expect(second?.status).toEqual({ code: SpanStatusCode.ERROR, message: "too far" });
  expect(second?.attributes["error.type"]).toBe("RangeError");
  expect(second?.events.map(({ name }) => name)).toEqual(["exception"]);
});

test("a handler's error is the very object that the client gets", async () => {
  const error = Object.freeze(new TypeError("the app's own"));
  const { fake } = await consumeFake({
    eachMessage: async () => {
      throw error;
    },
  });

  await expect(fake.deliver(ONE)).rejects.toBe(error);
});

test("a thenable that works when it is asked works once", async () => {
  let asked = 0;
  const query = {
    // oxlint-disable-next-line unicorn/no-thenable -- A query builder is one.
    then(onValue: (value: unknown) => void) {
      asked++;
      onValue("rows");
    },
  };
  const { fake, finished } = await consumeFake({ eachMessage: () => query as never });

  await fake.deliver(ONE);

  expect(asked).toBe(1);
  expect(named(finished(), "process orders")).toHaveLength(1);
});

test("a thenable that fails is a failure of the handler", async () => {
  const error = new Error("no rows");
  // oxlint-disable-next-line unicorn/no-thenable -- A query builder is one.
  const query = { then: (_: unknown, onError: (error: unknown) => void) => onError(error) };
  const { fake, finished } = await consumeFake({ eachMessage: () => query as never });

  await expect(fake.deliver(ONE)).rejects.toBe(error);

  expect(named(finished(), "process orders")[0]?.status.code).toBe(SpanStatusCode.ERROR);
});

test("the handler's own promise goes back to the client", async () => {
  const promise = Promise.resolve();
  const { fake } = await consumeFake({ eachMessage: () => promise });

  expect(fake.config?.eachMessage?.({ ...ONE, partition: 0, message: { offset: "0" } } as never)).toBe(
    promise,
  );
  await promise;
});

test("a tracer that throws costs the span and nothing else, and is silent after ten errors", async () => {
  const warnings: string[] = [];
  const silent = { debug() {}, info() {}, error() {}, verbose() {} };
  diag.setLogger({ ...silent, warn: (text) => void warnings.push(text) }, DiagLogLevel.WARN);
  let spansAskedFor = 0;
  const startSpan = () => {
    spansAskedFor++;
    throw new Error("no tracer today");
  };
  const handled: string[] = [];
  const eachMessage = async ({ message }: EachMessagePayload) => void handled.push(message.offset);
  const { fake } = await consumeFake({ eachMessage }, { tracer: { startSpan } as unknown as Tracer });

  for (let i = 0; i < 20; i++) await fake.deliver({ topic: "orders", messages: [{ offset: String(i) }] });

  expect(handled).toHaveLength(20);
  expect(spansAskedFor).toBe(10);
  expect(warnings).toHaveLength(1);
});

test("a context manager that cannot set a context does not keep a message from its handler", async () => {
  const handled: string[] = [];
  const eachMessage = async ({ message }: EachMessagePayload) => void handled.push(message.offset);
  const unusable = {
    with: () => {
      throw new Error("no context today");
    },
  };
  const { fake, tracing: facts } = await consumeFake({ eachMessage });
  const api = Reflect.get(globalThis, Symbol.for("opentelemetry.js.api.1")) as { context: unknown };
  const usable = api.context;

  api.context = { ...unusable, active: () => undefined };
  await fake.deliver(ONE).finally(() => (api.context = usable));

  expect(handled).toEqual(["0"]);
  expect(facts.guard.isOpen).toBe(false);
});

test("a meter that throws costs the tracing and not the consumer", async () => {
  const meter = {} as Meter;
  const handled: string[] = [];
  const eachMessage = async ({ message }: EachMessagePayload) => void handled.push(message.offset);
  const { fake } = await consumeFake({ eachMessage }, { meter });

  await fake.deliver(ONE);

  expect(handled).toEqual(["0"]);
});

test("an extractor of the app's that throws costs the id and not the span", async () => {
  const messageId = () => {
    throw new Error("no id today");
  };
  const { fake, finished } = await consumeFake({ eachMessage: async () => {} }, { messageId });

  await fake.deliver(ONE);

  expect(named(finished(), "process orders")).toHaveLength(1);
});

test("headers that throw when they are read cost the span and not the message", async () => {
  const handled: string[] = [];
  const eachMessage = async ({ message }: EachMessagePayload) => void handled.push(message.offset);
  const { fake } = await consumeFake({ eachMessage });
  const message = { offset: "0" } as ReceivedMessage;
  Object.defineProperty(message, "headers", {
    get: () => {
      throw new Error("no headers today");
    },
  });

  await fake.config?.eachMessage?.({ topic: "orders", partition: 0, message } as never);

  expect(handled).toEqual(["0"]);
});

test("a listener of ours that fails does not reach the client", async () => {
  const { fake, tracing: facts } = await consumeFake({ eachMessage: async () => {} });

  expect(() => fake.emit("START_BATCH_PROCESS", undefined)).not.toThrow();
  expect(() => fake.emit("COMMIT_OFFSETS", { topics: "no list" })).not.toThrow();
  expect(facts.guard.isOpen).toBe(false);
});

test("a batch handler is given the client's own batch, and all of its payload", async () => {
  const payloads: EachBatchPayload[] = [];
  const { fake } = await consumeFake({ eachBatch: async (payload) => void payloads.push(payload) });

  await fake.deliver({ topic: "orders", messages: [{ offset: "0" }, { offset: "1" }] });

  expect(Object.keys(payloads[0] ?? {}).sort()).toEqual([
    "batch",
    "commitOffsetsIfNecessary",
    "heartbeat",
    "isRunning",
    "isStale",
    "pause",
    "resolveOffset",
    "uncommittedOffsets",
  ]);
  expect(payloads[0]?.isRunning()).toBe(true);
  expect(payloads[0]?.isStale()).toBe(false);
});

/** A client as Confluent's is: a class with private fields, and events that throw when they are asked for. */
class WithoutEvents {
  readonly #handlers: { eachMessage?: (payload: unknown) => unknown }[] = [];

  get events(): never {
    throw new Error("Not implemented");
  }

  async run(config: { eachMessage?: (payload: unknown) => unknown }): Promise<void> {
    this.#handlers.push(config);
  }

  async commitOffsets(): Promise<void> {}

  seek(): void {}

  async disconnect(): Promise<void> {}

  async deliver(offset: string): Promise<void> {
    for (const { eachMessage } of this.#handlers) {
      await eachMessage?.({ topic: "orders", partition: 0, message: { offset, value: null } });
    }
  }
}

test("a client without events is traced all the same, with a session from run to disconnect", async () => {
  const observed = tracing();
  const facts = createTracing(observed.options, { semconvStabilityOptIn: undefined, version: "test" });
  const consumer = interceptConsumer(new WithoutEvents(), facts, { groupId: "billing" });
  const active: unknown[] = [];

  await consumer.run({ eachMessage: () => active.push(trace.getActiveSpan()) });
  await consumer.deliver("7");
  await consumer.deliver("8");
  await consumer.disconnect();

  expect(consumer).toBeInstanceOf(WithoutEvents);
  expect(active).toHaveLength(2);
  const [session] = named(observed.finished(), "session orders");
  expect(session?.attributes["kafka_trail.offsets"]).toEqual(["orders/0/7-8"]);
});
