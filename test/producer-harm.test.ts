import { diag, DiagLogLevel } from "@opentelemetry/api";
import type { Message, Producer } from "kafkajs";
import { FakeKafka } from "./support/fake-kafka.ts";
import { tracedProducer } from "./support/producers.ts";

const record = () => ({ topic: "t", messages: [{ value: "a" }, { value: "b" }] });

function producerOf(options: Parameters<typeof tracedProducer>[0] = {}) {
  const kafka = new FakeKafka();
  return { kafka, ...tracedProducer({ kafka, ...options }) };
}

test("the promise of a call is the client's own", async () => {
  let own: unknown;
  const wrap = (producer: Producer): Producer => ({
    ...producer,
    send: (it) => (own = producer.send(it)) as never,
  });
  const { producer } = producerOf({ wrap });

  const given = producer.send(record());

  expect(given).toBe(own);
  await given;
});

test("the client's own error is rethrown, rejected as the same object or thrown at once", async () => {
  const error = new Error("the app's");
  const { kafka, producer, finished } = producerOf();

  kafka.faults = { rejectsWith: error };
  await expect(producer.send(record())).rejects.toBe(error);
  kafka.faults = { throwsAtOnce: error };
  expect(() => producer.send(record())).toThrow(error);

  expect(finished().filter(({ name }) => name === "send t")).toHaveLength(2);
  for (const span of finished()) expect(span.attributes["error.type"]).toBe("Error");
});

test("nothing that was handed in is changed, frozen or not", async () => {
  const { producer, kafka } = producerOf();
  const headers = Object.freeze({ tenant: "acme" });
  const messages = Object.freeze([Object.freeze({ value: "a", headers }), Object.freeze({ value: "b" })]);
  const given = Object.freeze({ topic: "t", messages: messages as unknown as Message[] });

  await producer.send(given);
  await producer.sendBatch(Object.freeze({ topicMessages: [given] }));

  expect(given).toEqual({
    topic: "t",
    messages: [{ value: "a", headers: { tenant: "acme" } }, { value: "b" }],
  });
  expect(kafka.log).toHaveLength(4);
});

test.each([
  ["nothing", undefined],
  ["null", null],
  ["no messages", { topic: "t" }],
  ["messages that are no list", { topic: "t", messages: "abc" }],
  ["a hole among the messages", { topic: "t", messages: [undefined] }],
])("%s is refused as it is without tracing", async (_, given) => {
  const { producer, plain } = producerOf();

  const [traced, untraced] = await Promise.allSettled([
    producer.send(given as never),
    plain.send(given as never),
  ]);

  expect(traced).toEqual(untraced);
  expect(traced.status).toBe("rejected");
});

test("a getter that throws throws in the client, not in tracing", async () => {
  const error = new Error("computed");
  const { producer } = producerOf();
  const message = {
    get value(): string {
      throw error;
    },
  };

  await expect(producer.send({ topic: "t", messages: [message] })).rejects.toBe(error);
});

test.each(["startSpan", "inject", "extract", "fields"])(
  "after ten errors in %s tracing is silent, with one warning; every message was sent as the app gave it",
  async (broken) => {
    const warnings: unknown[] = [];
    const silent = { verbose() {}, debug() {}, info() {}, error() {} };
    diag.setLogger({ ...silent, warn: (...said) => void warnings.push(said) }, DiagLogLevel.WARN);
    const { tracer, propagator } = tracedProducer({ kafka: new FakeKafka() });
    const breaks = <T extends object>(whole: T): T =>
      new Proxy(whole, {
        get(target, property) {
          if (property === broken)
            return () => {
              throw new Error("broken tracing");
            };
          const value: unknown = Reflect.get(target, property, target);
          return typeof value === "function" ? (value.bind(target) as unknown) : value;
        },
      });
    const { kafka, producer, guard } = producerOf({
      options: { tracer: breaks(tracer), propagator: breaks(propagator) },
    });
    const headers = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
    const given = {
      topic: "t",
      messages: [
        { value: "a", headers },
        { value: "b", headers: {} },
      ],
    };

    for (let i = 0; i < 12; i++) await producer.send(given);
    diag.disable();

    expect(guard.isOpen).toBe(true);
    expect(warnings).toHaveLength(1);
    expect(kafka.calls.at(-1)?.args[0]).toBe(given);
    const sentHeaders = kafka.log.map(({ message }) => message.headers);
    expect(sentHeaders).toEqual(Array.from({ length: 24 }, (_, i) => (i % 2 === 0 ? headers : {})));
  },
);

test("what a client returns besides promises is handed on untouched", () => {
  let asked = 0;
  // oxlint-disable-next-line unicorn/no-thenable -- A thenable that is not a promise is what this is about.
  const thenable = { then: () => void asked++ };
  const { producer } = producerOf({ wrap: (it) => ({ ...it, send: () => thenable as never }) });

  expect(producer.send(record())).toBe(thenable);
  expect(asked).toBe(0);
});

test("a frozen producer is traced, and everything else of it is its own", async () => {
  const { producer, plain, finished } = producerOf({ wrap: Object.freeze });

  await producer.send(record());

  expect(Reflect.get(producer, "isIdempotent")).toBe(Reflect.get(plain, "isIdempotent"));
  expect(Reflect.get(producer, "send")).toBe(Reflect.get(producer, "send"));
  expect(Object.keys(producer)).toEqual(Object.keys(plain));
  expect(finished()).toHaveLength(3);
});
