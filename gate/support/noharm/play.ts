import type { ConsumerRunConfig, Kafka } from "kafkajs";
import type { FakeKafka, Faults } from "../../../test/support/fake-kafka.ts";
import { type Errors, buildMessage, buildRecord, describe } from "./inputs.ts";
import type { Fault, HandlerEnd, Scenario, Step } from "./scenario.ts";

/** One thing an app could notice, in the order it could notice it. */
export type Observation = readonly [what: string, ...details: unknown[]];

type Run<K extends Step["kind"]> = Extract<Step, { kind: K }>;

/** An app's life with one Kafka client, and all that it could notice of it. */
export class World {
  readonly seen: Observation[] = [];
  readonly #fake: FakeKafka;
  readonly #kafka: Kafka;
  readonly #errors: Errors = { getter: new Error("getter"), changed: new Error("changed") };
  readonly #injected = Object.assign(new Error("injected"), { retriable: false });
  readonly #isIdempotent: boolean;
  #calls = 0;

  constructor(fake: FakeKafka, kafka: Kafka, isIdempotent: boolean) {
    this.#fake = fake;
    this.#kafka = kafka;
    this.#isIdempotent = isIdempotent;
  }

  async live({ steps }: Scenario): Promise<void> {
    const producer = this.#kafka.producer({ idempotent: this.#isIdempotent });
    for (const step of steps) {
      this.#fake.faults = {};
      if (step.kind === "send") await this.#send(producer, step);
      else if (step.kind === "sendBatch") await this.#sendBatch(producer, step);
      else if (step.kind === "transaction") await this.#transaction(producer, step);
      else if (step.kind === "commitOffsets") await this.#commit(step);
      else if (step.kind === "event") await this.#event(step);
      else await this.#handle(producer, step);
    }
    this.#fake.faults = {};
    this.seen.push(["log", this.#fake.log.map(withoutContext)]);
    this.seen.push(["calls", this.#fake.calls.map((call) => call.method)]);
  }

  /** All records at once, so that a call that waits shows in the order of what settles. */
  async #send(producer: Sender, { records, fault }: Run<"send">): Promise<void> {
    const inputs = records.map((record) => buildRecord(record, this.#errors));
    this.#fail(fault);
    await this.#unchanged(inputs, () =>
      Promise.all(inputs.map((input) => this.#observe("send", () => producer.send(input as never)))),
    );
  }

  async #sendBatch(producer: Sender, step: Run<"sendBatch">): Promise<void> {
    const topicMessages = step.records.map((record) => buildRecord(record, this.#errors));
    const input = step.hasTopicMessages ? { topicMessages } : {};
    this.#fail(step.fault);
    await this.#unchanged([input], () =>
      this.#observe("sendBatch", () => producer.sendBatch(input as never)),
    );
  }

  async #transaction(producer: Sender, { records, end, fault }: Run<"transaction">): Promise<void> {
    const inputs = records.map((record) => buildRecord(record, this.#errors));
    await this.#unchanged(inputs, async () => {
      // A new object each time, so only what it does is compared.
      const transaction = await producer.transaction();
      this.seen.push(["active", transaction.isActive()]);
      this.#fail(fault);
      for (const input of inputs) await this.#observe("tx.send", () => transaction.send(input as never));
      const offsets = { consumerGroupId: "g", topics: [] };
      await this.#observe("tx.sendOffsets", () => transaction.sendOffsets(offsets));
      if (end !== "none") await this.#observe(`tx.${end}`, () => transaction[end]());
      this.seen.push(["active", transaction.isActive()]);
    });
  }

  async #commit({ offsets, fault }: Run<"commitOffsets">): Promise<void> {
    const consumer = this.#kafka.consumer({ groupId: "g" });
    this.#fail(fault);
    await this.#observe("commitOffsets", () => consumer.commitOffsets(offsets as never));
    await this.#observe("seek", () => consumer.seek({ topic: "orders", partition: 0, offset: "4" }));
  }

  async #event({ name, payload }: Run<"event">): Promise<void> {
    const consumer = this.#kafka.consumer({ groupId: "g" });
    await this.#observe("run", () => consumer.run({ eachMessage: async () => {} }));
    const heard: unknown[] = [];
    const event = (consumer.events as Record<string, string>)[name] ?? "";
    const stop = consumer.on(event as never, (it: { payload: unknown }) => void heard.push(it.payload));
    await this.#observe("emit", () => this.#fake.consumers.at(-1)?.emit(name as never, payload));
    this.seen.push(["heard", heard.length, heard[0] === payload, typeof stop]);
  }

  async #handle(producer: Sender, step: Run<"eachMessage" | "eachBatch">): Promise<void> {
    const consumer = this.#kafka.consumer({ groupId: "g" });
    const messages = step.messages.map((it, offset) => buildMessage(it, this.#errors, String(offset)));
    const identities: unknown[] = [];
    const work = (message: unknown, turn: number): unknown => {
      identities.push(messages.includes(message as object));
      if (step.sendsInside) void this.#observe("inside", () => producer.send(INSIDE as never));
      return this.#end(step.ends[turn % step.ends.length] ?? "returns");
    };
    let turn = 0;
    const config: ConsumerRunConfig =
      step.kind === "eachMessage"
        ? { eachMessage: (payload) => work(payload.message, turn++) as Promise<void> }
        : {
            eachBatch: (payload) => {
              for (const message of payload.batch.messages) payload.resolveOffset(message.offset);
              return work(payload.batch.messages[0], turn++) as Promise<void>;
            },
          };
    if (step.trait === "frozen") Object.freeze(config);
    await this.#unchanged([config, ...messages], async () => {
      await this.#observe("run", () => consumer.run(config));
      const fake = this.#fake.consumers.at(-1);
      await this.#observe("deliver", () => fake?.deliver({ topic: "orders", messages: messages as never }));
      this.seen.push(["resolved", fake?.resolved.length]);
    });
    this.seen.push(["handed", identities]);
  }

  /** What the app's handler returns or throws; the client must get the very thing. */
  #end(end: HandlerEnd): unknown {
    const error = end === "throwsTypeError" ? new TypeError("handler") : this.#injected;
    if (end === "throws" || end === "throwsTypeError") throw error;
    if (end === "throwsUndefined") throw undefined;
    if (end === "resolves") return Promise.resolve("done");
    if (end === "rejects") return Promise.reject(this.#injected);
    if (end === "thenable") return thenable((resolve) => resolve("done"));
    if (end === "thenableRejects") return thenable((_resolve, reject) => reject(this.#injected));
    if (end === "thenableThrows") return thenable(() => raise(this.#injected));
    return "done";
  }

  /** Notes how a call came back, whether the promise is the client's own, and how it settled. */
  async #observe(what: string, call: () => unknown): Promise<void> {
    const id = `${what}#${this.#calls++}`;
    let returned: unknown;
    try {
      returned = call();
    } catch (error) {
      this.seen.push([id, "threw", this.#name(error)]);
      return;
    }
    this.seen.push([id, returned instanceof Promise, this.#fake.returned.has(returned as object)]);
    try {
      this.seen.push([id, "resolved", describe(await returned)]);
    } catch (error) {
      this.seen.push([id, "rejected", this.#name(error)]);
    }
  }

  async #unchanged(inputs: readonly object[], run: () => Promise<unknown>): Promise<void> {
    const before = describe(inputs);
    await run();
    this.seen.push(["inputs", before === describe(inputs)]);
  }

  /** Errors of the world itself are known by identity, those the client makes by their words. */
  #name(error: unknown): string {
    if (error === this.#injected) return "the injected error";
    if (error === this.#errors.getter) return "the getter's error";
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }

  #fail(fault: Fault): void {
    const faults: Record<Fault, Faults> = {
      none: {},
      rejects: { rejectsWith: this.#injected },
      throws: { throwsAtOnce: this.#injected },
      retries: { attempts: 2 },
      unacknowledged: { unacknowledged: [0] },
      noMetadata: { metadata: undefined },
      oddMetadata: { metadata: [null, {}, { topicName: "orders", partition: "0", baseOffset: "-1" }] },
      wrongMetadata: { metadata: [{ topicName: "elsewhere", partition: 9, baseOffset: "3" }] },
    };
    this.#fake.faults = faults[fault];
  }
}

type Sender = ReturnType<Kafka["producer"]>;
const INSIDE = Object.freeze({ topic: "inside", messages: [Object.freeze({ value: "1" })] });

type Then = (resolve: (value: unknown) => void, reject: (error: unknown) => void) => void;

function thenable(then: Then): { then: Then } {
  // oxlint-disable-next-line unicorn/no-thenable -- An app's handler may return one, a broken one too.
  return { then };
}

function raise(error: Error): never {
  throw error;
}

/** Trace context is what tracing adds; a case without any of the app's own compares all the rest. */
function withoutContext({ message, ...at }: FakeKafka["log"][number]): unknown {
  const { traceparent: _parent, tracestate: _state, ...headers } = message.headers ?? {};
  return describe({ ...at, ...message, headers });
}
