import type { Kafka } from "kafkajs";

type Call = (...args: never[]) => unknown;
type Harm = (send: Call) => Call;

/** Tracers that harm the app, each in one way that a real one has been seen to. The gate must see every one of them. */
export const MUTANTS: Readonly<Record<string, Harm>> = {
  "writes into the app's headers": (send) => (record: Sent) => {
    for (const message of record.messages ?? []) (message.headers ??= {})["traceparent"] = "x";
    return send(record as never);
  },
  "waits before it calls the client": (send) => async (record) => {
    await Promise.resolve();
    return send(record);
  },
  "returns a promise of its own": (send) => (record) => {
    const sent = send(record) as Promise<unknown>;
    return typeof sent?.then === "function" ? sent.then((it) => it) : sent;
  },
  "wraps the app's error": (send) => (record) => {
    const sent = send(record) as Promise<unknown>;
    return sent.catch((cause: unknown) => {
      throw new Error("send failed", { cause });
    });
  },
  "swallows the app's error": (send) => (record) => (send(record) as Promise<unknown>).catch(() => []),
  "throws at once where kafkajs rejects": (send) => (record: Sent) => {
    if (record.messages === undefined) throw new TypeError("Cannot read properties of undefined");
    return send(record as never);
  },
  "drops what it cannot copy": (send) => (record: Sent) =>
    send({ ...record, messages: record.messages?.map(({ key, value }) => ({ key, value })) } as never),
  "sends twice": (send) => (record) => {
    void (send(record) as Promise<unknown>)?.catch?.(() => {});
    return send(record);
  },
};

interface Sent {
  messages?: { key?: unknown; value?: unknown; headers?: Record<string, unknown> }[];
}

/** Harms every `send` of a client's producers. */
export function harm(kafka: Kafka, mutant: Harm): Kafka {
  return new Proxy(kafka, {
    get(target, property) {
      if (property !== "producer") return Reflect.get(target, property) as unknown;
      return (config?: never) => {
        const producer = target.producer(config);
        return { ...producer, send: mutant((record: never) => producer.send(record)) };
      };
    },
  });
}
