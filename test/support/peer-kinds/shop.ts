import { aSpan, encodeTraces, Kind, type Attributes, type TestSpan } from "../otlp.ts";
import type { PeerRun, TrueMessage } from "../peer-runs.ts";

/** A message on its way, as an instrumentation knows it. */
export interface PeerMessage {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
}

/** What a kind of instrumentation can tell. What it cannot is for the offsets to say. */
export interface Tells {
  /** The span of a handling names the message by its offset. */
  readonly place: boolean;
  /** And its group. */
  readonly group: boolean;
  /** The dead letter's send lies below the handling. */
  readonly deadLetter: boolean;
  /** A failed handling is an error. */
  readonly failure: boolean;
  /** False: no handling's span tells what became of the message, as all of a batch are alike. */
  readonly fate?: boolean;
  /** The message's sender is found from its place: its span names the offset, or the handling's span leads to it alone. */
  readonly sender: boolean;
}

/** How a kind of instrumentation shows a send and a handling. */
export interface PeerKind {
  readonly scope: { readonly name: string; readonly version: string };
  readonly tells: Tells;
  send(message: PeerMessage): Partial<TestSpan>;
  /** The spans of a group's handling of some messages of one partition, polled together; and below which one each was handled. */
  handle(
    polled: readonly { readonly message: PeerMessage; readonly sent: TestSpan; readonly isFailed: boolean }[],
    consumer: { readonly group: string; readonly service: string },
  ): {
    readonly spans: readonly Partial<TestSpan>[];
    readonly handling: readonly (Partial<TestSpan> | undefined)[];
  };
}

export const consumerSpan = (name: string, attributes: Attributes, more: Partial<TestSpan> = {}): TestSpan =>
  aSpan({ name, kind: Kind.consumer, attributes, ...more });
/** In the trace of `parent`, below it. */
export const below = (parent: {
  readonly traceId?: string;
  readonly spanId?: string;
}): Partial<TestSpan> => ({
  traceId: parent.traceId ?? "",
  parentSpanId: parent.spanId ?? "",
});
export const linksTo = (...spans: readonly TestSpan[]): Partial<TestSpan> => ({
  links: spans.map(({ traceId, spanId }) => ({ traceId, spanId })),
});

const PARTITIONS = 2;
const MESSAGES = 8;
const POLLED = 4;
const MS = 1_000_000n;

/**
 * Lets a shop run with a kind of instrumentation: `billing-T` handles all, and puts every fourth message into `T.dlq`;
 * `inventory-T` was stopped after the first poll of each partition. All of it began `ageMs` ago, ten minutes by default.
 */
export function runShop(topic: string, kind: PeerKind, ageMs = 600_000): PeerRun {
  const startNs = BigInt(Date.now() - ageMs) * MS;
  const spans: TestSpan[] = [];
  const messages: TrueMessage[] = [];
  const letters: TrueMessage[] = [];
  const [billing, inventory] = [`billing-${topic}`, `inventory-${topic}`];
  const add = (span: Partial<TestSpan>, service: string, afterMs: number): TestSpan => {
    const at = startNs + BigInt(afterMs) * MS;
    const whole = aSpan({
      flags: 0x101,
      ...span,
      scope: kind.scope,
      service,
      startNs: at,
      endNs: at + 2n * MS,
    });
    spans.push(whole);
    return whole;
  };

  for (let partition = 0; partition < PARTITIONS; partition++) {
    const sent = Array.from({ length: MESSAGES }, (_, offset) => {
      const message = { topic, partition, offset, key: `order-${partition}-${offset}` };
      return { message, sent: add(kind.send(message), "checkout", offset), isFailed: offset % 4 === 3 };
    });
    for (let from = 0; from < MESSAGES; from += POLLED) {
      const polled = sent.slice(from, from + POLLED);
      for (const [group, service] of [
        [billing, "billing"],
        [inventory, "inventory"],
      ] as const) {
        if (group === inventory && from > 0) continue;
        const isBilling = group === billing;
        const told = polled.map((it) => ({ ...it, isFailed: it.isFailed && isBilling }));
        const { spans: made, handling } = kind.handle(told, { group, service });
        for (const span of made) add(span, service, 100 + from);
        for (const [i, { message, isFailed }] of told.entries()) {
          if (!isFailed) continue;
          const letter = { topic: `${topic}.dlq`, partition: 0, offset: letters.length, key: message.key };
          const under = handling[i];
          add(
            { ...kind.send(letter), ...(kind.tells.deadLetter && under && below(under)) },
            service,
            101 + from,
          );
          letters.push({ ...letter, headers: [], transaction_aborted: false, groups: {} });
        }
      }
    }
    for (const { message, sent: span, isFailed } of sent) {
      messages.push({
        ...message,
        headers: [["traceparent", `00-${span.traceId}-${span.spanId}-01`]],
        transaction_aborted: false,
        groups: {
          [billing]: { outcome: isFailed ? "sent_to_dlq" : "processed_ok" },
          [inventory]: { outcome: message.offset < POLLED ? "processed_ok" : "never_consumed" },
        },
      });
    }
  }
  const everywhere = <T>(value: T) =>
    Object.fromEntries(Array.from({ length: PARTITIONS }, (_, partition) => [partition, value]));
  return {
    bodies: [encodeTraces(spans)],
    truth: {
      topics: {
        [topic]: { partitions: everywhere({ log_start: 0, log_end: MESSAGES }) },
        [`${topic}.dlq`]: { partitions: { 0: { log_start: 0, log_end: letters.length } } },
      },
      groups: {
        [billing]: { partitions: { [topic]: everywhere({ committed: MESSAGES }) } },
        [inventory]: { partitions: { [topic]: everywhere({ committed: POLLED }) } },
      },
      messages: [...messages, ...letters],
    },
  };
}
