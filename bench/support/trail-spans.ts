import { createHash } from "node:crypto";
import type { ResourceRow, SpanRow } from "../../trace-store/span/span-row.ts";
import { Operation } from "../../trace-store/span/vocabulary.ts";

/** What the spans are like. */
export interface TrailSpansOptions {
  readonly seed: number;
  /** Start of the first trace. */
  readonly fromNs: bigint;
  /** Time between the starts of two traces. */
  readonly stepNs: bigint;
  /** Share of the messages that are traced; offsets of the others are passed over. Default 1. */
  readonly sampledShare?: number;
  /** Trace ids that begin with their time (UUIDv7). Default false. */
  readonly isTimeOrdered?: boolean;
}

const TOPICS = 40;
const PARTITIONS = 12;
/** Spans of a trace reach the store in an order of their own: from several processes, in several exports. */
export const SHUFFLED_SPANS = 20_000;
const HEX = Array.from({ length: 65_536 }, (_, i) => i.toString(16).padStart(4, "0"));

const resources: readonly ResourceRow[] = Array.from({ length: 24 }, (_, i) => {
  const attributes = Buffer.from(
    JSON.stringify({
      "service.name": `service-${i}`,
      "host.name": `node-${i % 5}`,
      "telemetry.sdk.language": "nodejs",
    }),
  );
  const detail = Buffer.from(
    '{"scope":{"name":"@opentelemetry/instrumentation-kafkajs","version":"0.32.0"},"flags":257}',
  );
  return { hash: createHash("sha256").update(attributes).update(detail).digest("hex"), attributes, detail };
});

/**
 * An endless stream of spans like those of a company's Kafka traffic, the same for the same seed.
 *
 * A trace has 8 spans on average: a request, its send, one to three groups' processing, a database call, and now and then
 * a further send and its processing. 215 bytes of attributes, 60 % of the spans have coordinates, a tenth a link.
 */
export class TrailSpans {
  readonly #options: Required<TrailSpansOptions>;
  readonly #pending: SpanRow[] = [];
  readonly #offsets = new Float64Array(TOPICS * PARTITIONS);
  #state: number;
  #traces = 0n;

  constructor(options: TrailSpansOptions) {
    this.#options = { sampledShare: 1, isTimeOrdered: false, ...options };
    this.#state = options.seed | 1;
  }

  /** The next spans, in the order in which they arrive. */
  take(count: number): SpanRow[] {
    const taken: SpanRow[] = [];
    while (taken.length < count) {
      while (this.#pending.length < SHUFFLED_SPANS) this.#addTrace();
      const at = this.#below(this.#pending.length);
      const last = this.#pending.pop() as SpanRow;
      if (at < this.#pending.length) {
        taken.push(this.#pending[at] as SpanRow);
        this.#pending[at] = last;
      } else taken.push(last);
    }
    return taken;
  }

  #addTrace(): void {
    const startNs = this.#options.fromNs + this.#traces * this.#options.stepNs;
    this.#traces += 1n;
    const traceId = this.#traceId(startNs);
    const root = this.#span(traceId, null, startNs, { name: "POST /orders", kind: 2, service: "service-0" });
    this.#pending.push(root);
    this.#addMessage(root, startNs + 2_000_000n, 0);
  }

  /** A send, its groups' processing, and what that causes. */
  #addMessage(parent: SpanRow, startNs: bigint, depth: number): void {
    const topic = Math.min(this.#below(TOPICS), this.#below(TOPICS));
    const partition = this.#below(PARTITIONS);
    const at = topic * PARTITIONS + partition;
    const { sampledShare } = this.#options;
    // Cast to 1 as the mean of the gaps at a share of 1.
    this.#offsets[at] =
      (this.#offsets[at] ?? 0) + (sampledShare === 1 ? 1 : 1 + this.#below(2 / sampledShare - 1));
    const message = {
      topic: `topic-${topic}`,
      partition,
      messageOffset: BigInt(this.#offsets[at] ?? 0),
      messageKey: `order-${this.#below(5_000_000)}`,
    };
    const send = this.#span(parent.traceId, parent.spanId, startNs, {
      ...message,
      name: `send topic-${topic}`,
      kind: 4,
      operation: Operation.send,
      service: parent.service,
      messageId: this.#below(4) === 0 ? `message-${this.#hex(4)}` : null,
    });
    this.#pending.push(send);
    for (let group = 0, groups = 1 + this.#below(3); group < groups; group += 1) {
      const service = 1 + ((topic * 3 + group) % 23);
      const process = this.#span(parent.traceId, send.spanId, startNs + 15_000_000n * BigInt(group + 1), {
        ...message,
        name: `process topic-${topic}`,
        kind: 5,
        operation: Operation.process,
        service: `service-${service}`,
        consumerGroup: `group-${service}`,
        attempt: 1,
        status: this.#below(50) === 0 ? 2 : 0,
        links: this.#below(4) === 0 ? [{ traceId: send.traceId, spanId: send.spanId }] : [],
      });
      this.#pending.push(process);
      if (this.#below(2) === 0) {
        this.#pending.push(
          this.#span(process.traceId, process.spanId, process.startNs + 1_000_000n, {
            name: "INSERT orders",
            kind: 3,
            service: process.service,
          }),
        );
      }
      if (depth < 3 && this.#below(10) < 3)
        this.#addMessage(process, process.startNs + 5_000_000n, depth + 1);
    }
  }

  #span(traceId: string, parentSpanId: string | null, startNs: bigint, given: Partial<SpanRow>): SpanRow {
    const service = given.service ?? "service-0";
    return {
      traceId,
      spanId: this.#hex(4),
      parentSpanId,
      startNs: startNs + BigInt(this.#below(1_000_000)),
      durationNs: BigInt(1_000 + this.#below(50_000_000)),
      service,
      name: "",
      kind: 1,
      status: 0,
      resource: resources[Number(service.slice(8))] as ResourceRow,
      operation: Operation.none,
      cluster: "",
      topic: null,
      partition: null,
      messageOffset: null,
      consumerGroup: null,
      messageKey: null,
      messageId: null,
      attempt: null,
      voidBefore: null,
      attributes: Buffer.from(
        `{"messaging.system":"kafka","messaging.client_id":"${service}-${this.#hex(2)}","messaging.message.body.size":${200 + this.#below(4_000)},"thread.id":${this.#below(64)},"net.peer.name":"kafka-${this.#below(3)}.kafka.svc.cluster.local","code":"${this.#hex(4)}"}`,
      ),
      isReadable: true,
      detail: null,
      links: [],
      ranges: [],
      ...given,
    };
  }

  #traceId(startNs: bigint): string {
    if (!this.#options.isTimeOrdered) return this.#hex(8);
    const ms = (startNs / 1_000_000n).toString(16).padStart(12, "0");
    return `${ms}7${this.#hex(1).slice(1)}a${this.#hex(4).slice(1)}`;
  }

  #hex(words: number): string {
    let text = "";
    for (let i = 0; i < words; i += 1) text += HEX[this.#next() >>> 16] ?? "";
    return text;
  }

  #below(limit: number): number {
    return Math.floor((this.#next() / 4_294_967_296) * limit);
  }

  /** Numerical Recipes' xorshift: quick, and the same everywhere. */
  #next(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return state >>> 0;
  }
}
