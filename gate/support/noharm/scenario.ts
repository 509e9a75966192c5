import fc from "fast-check";

/** How an object of the app's behaves: a Proxy refuses to be changed, a throwing one has a getter that throws. */
export type Trait = "plain" | "frozen" | "proxy" | "throwing" | "class";

export interface HeaderSpec {
  readonly name: string;
  readonly value: unknown;
}

export interface MessageSpec {
  readonly key: unknown;
  readonly value: unknown;
  readonly headers: readonly HeaderSpec[] | null | undefined;
  readonly partition: number | undefined;
  readonly timestamp: string | undefined;
  readonly trait: Trait;
  readonly headersTrait: Trait;
}

export interface RecordSpec {
  readonly topic: unknown;
  /** `undefined`: the record has none. The same number twice: the same object twice. */
  readonly messages: readonly MessageSpec[] | undefined;
  readonly repeatsFirst: boolean;
  readonly acks: number | undefined;
  readonly trait: Trait;
}

export type Fault =
  | "none"
  | "rejects"
  | "throws"
  | "retries"
  | "unacknowledged"
  | "noMetadata"
  | "oddMetadata"
  | "wrongMetadata";

/** What the app's handler does. */
export type HandlerEnd =
  | "returns"
  | "throws"
  | "throwsTypeError"
  | "throwsUndefined"
  | "resolves"
  | "rejects"
  | "thenable"
  | "thenableRejects"
  | "thenableThrows";

export type Step =
  | { readonly kind: "send"; readonly records: readonly RecordSpec[]; readonly fault: Fault }
  | {
      readonly kind: "sendBatch";
      readonly records: readonly RecordSpec[];
      readonly hasTopicMessages: boolean;
      readonly fault: Fault;
    }
  | {
      readonly kind: "transaction";
      readonly records: readonly RecordSpec[];
      readonly end: "commit" | "abort" | "none";
      readonly fault: Fault;
    }
  | {
      readonly kind: "eachMessage" | "eachBatch";
      readonly messages: readonly MessageSpec[];
      readonly ends: readonly HandlerEnd[];
      readonly trait: Trait;
      readonly sendsInside: boolean;
    }
  | { readonly kind: "commitOffsets"; readonly offsets: unknown; readonly fault: Fault }
  | { readonly kind: "event"; readonly name: string; readonly payload: unknown };

/** What of tracing itself is broken. */
export const HOSTILITIES = [
  "none",
  "none",
  "tracer",
  "span",
  "noSpan",
  "inject",
  "extract",
  "sampler",
  "exporter",
  "meter",
  "messageId",
  "unsampled",
  "excluded",
] as const;
export type Hostility = (typeof HOSTILITIES)[number];

/** One generated case. */
export interface Scenario {
  readonly steps: readonly Step[];
  readonly hostility: Hostility;
  readonly isIdempotent: boolean;
}

const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const WORDS = [
  "tenant",
  "message-id",
  "ce_id",
  "tracestate",
  "baggage",
  "b3",
  "kafka-trail-origin",
  "__proto__",
];

const trait = fc.constantFrom<Trait>("plain", "plain", "plain", "frozen", "proxy", "throwing", "class");
const fault = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Fault>("none") },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Fault>(
      "rejects",
      "throws",
      "retries",
      "unacknowledged",
      "noMetadata",
      "oddMetadata",
      "wrongMetadata",
    ),
  },
);
const bytes = fc.uint8Array({ maxLength: 12 }).map((it) => Buffer.from(it));
const headerValue = fc.oneof(
  { weight: 4, arbitrary: fc.string({ maxLength: 8 }) },
  { weight: 2, arbitrary: bytes },
  { weight: 2, arbitrary: fc.array(fc.oneof(fc.string({ maxLength: 4 }), bytes), { maxLength: 3 }) },
  { weight: 1, arbitrary: fc.constantFrom<unknown>(null, undefined, 7, {}) },
);
const traceHeader = fc.constantFrom<unknown>(
  TRACEPARENT,
  Buffer.from(TRACEPARENT),
  [TRACEPARENT, Buffer.from(TRACEPARENT.replace("0af7", "0bf7"))],
  "00-nonsense",
  `ff${TRACEPARENT.slice(2)}`,
  "x".repeat(2_000),
  [],
);
const header = fc.oneof(
  { weight: 4, arbitrary: fc.record({ name: fc.constantFrom(...WORDS), value: headerValue }) },
  { weight: 1, arbitrary: fc.record({ name: fc.string({ maxLength: 5 }), value: headerValue }) },
  {
    weight: 2,
    arbitrary: fc.record({ name: fc.constantFrom("traceparent", "Traceparent"), value: traceHeader }),
  },
);
const text = fc.oneof(
  { weight: 4, arbitrary: fc.string({ maxLength: 10 }) },
  { weight: 2, arbitrary: bytes },
  { weight: 1, arbitrary: fc.constantFrom<unknown>(null, undefined, 7) },
);

const message = fc.record<MessageSpec>({
  key: text,
  value: fc.oneof({ weight: 8, arbitrary: fc.constant<unknown>("{}") }, { weight: 2, arbitrary: text }),
  headers: fc.oneof(
    { weight: 3, arbitrary: fc.constant(undefined) },
    { weight: 6, arbitrary: fc.array(header, { maxLength: 4 }) },
    { weight: 1, arbitrary: fc.constant(null) },
  ),
  partition: fc.constantFrom(undefined, undefined, 0, 1, 2),
  timestamp: fc.constantFrom(undefined, "1700000000000", "soon"),
  trait,
  headersTrait: trait,
});
const record = fc.record<RecordSpec>({
  topic: fc.constantFrom<unknown>("orders", "orders", "payments", "", undefined, 7),
  messages: fc.oneof(
    { weight: 9, arbitrary: fc.array(message, { maxLength: 4 }) },
    { weight: 1, arbitrary: fc.constant(undefined) },
  ),
  repeatsFirst: fc.boolean(),
  acks: fc.constantFrom(undefined, undefined, -1, 0, 1),
  trait,
});
const records = fc.array(record, { minLength: 1, maxLength: 3 });
const handlerEnd = fc.constantFrom<HandlerEnd>(
  "returns",
  "throws",
  "throwsTypeError",
  "throwsUndefined",
  "resolves",
  "resolves",
  "resolves",
  "rejects",
  "thenable",
  "thenableRejects",
  "thenableThrows",
);
const handled = <K extends "eachMessage" | "eachBatch">(kind: K) =>
  fc.record({
    kind: fc.constant(kind),
    messages: fc.array(message, { minLength: 1, maxLength: 4 }),
    ends: fc.array(handlerEnd, { minLength: 1, maxLength: 4 }),
    trait,
    sendsInside: fc.boolean(),
  });

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("send" as const), records, fault }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("sendBatch" as const),
      records,
      hasTopicMessages: fc.constantFrom(true, true, true, false),
      fault,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("transaction" as const),
      records,
      end: fc.constantFrom("commit" as const, "abort" as const, "none" as const),
      fault,
    }),
  },
  { weight: 4, arbitrary: handled("eachMessage") },
  { weight: 3, arbitrary: handled("eachBatch") },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("commitOffsets" as const),
      offsets: fc.constantFrom<unknown>(
        [{ topic: "orders", partition: 0, offset: "8" }],
        [{ topic: "orders", partition: "0", offset: 8n }],
        [],
        undefined,
        null,
        "nonsense",
      ),
      fault,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("event" as const),
      name: fc.constantFrom(
        "GROUP_JOIN",
        "COMMIT_OFFSETS",
        "CRASH",
        "REBALANCING",
        "REQUEST",
        "STOP",
        "FETCH",
      ),
      payload: fc.constantFrom<unknown>(
        undefined,
        null,
        {},
        { topics: null },
        { memberAssignment: { orders: 7 } },
      ),
    }),
  },
);

/** Generates what an app may do with its clients, sane and insane, and what of tracing is broken meanwhile. */
export const scenarios = fc.record<Scenario>({
  steps: fc.array(step, { minLength: 1, maxLength: 3 }),
  hostility: fc.constantFrom(...HOSTILITIES),
  isIdempotent: fc.boolean(),
});
