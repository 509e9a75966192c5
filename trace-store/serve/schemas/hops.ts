import { Type } from "typebox";
import {
  MESSAGE_VERDICTS,
  type Freshness,
  type HopAnswer,
  type MatchesAnswer,
  type MessagePlace,
  type NotFound,
  type TrailAnswer,
} from "../../query/answers.ts";
import { decimal, list, moment, nullable, ref, spanIdShape, traceIdShape, type Same } from "./shapes.ts";

const range = Type.Object({ from: nullable(moment()), to: nullable(moment()) });

export const FreshnessSchema = Type.Object(
  {
    at: moment("when the question was answered"),
    holds: range,
    indexedThrough: nullable(moment("spans that reached the span topic before this are stored")),
    indexerDelayMs: nullable(Type.Number()),
    watchers: list(
      Type.Object({
        cluster: Type.String(),
        way: Type.Enum(["consumer_offsets", "poll"]),
        sweptAt: nullable(moment("when the last whole look at the broker began; null: there was none")),
        ageMs: nullable(Type.Number()),
        problem: nullable(Type.String({ description: "why the broker cannot be seen, in words" })),
      }),
    ),
  },
  { description: "How fresh the answer is, and what the store could know at all." },
);

export const PlaceSchema = Type.Object({
  cluster: Type.String(),
  topic: Type.String(),
  partition: Type.Integer(),
  messageOffset: decimal(),
});

export const HopSchema = Type.Object(
  {
    traceId: traceIdShape(),
    msgId: Type.String({
      description: "the message's own id, else topic/partition/offset, else traceId:spanId",
    }),
    service: Type.String(),
    status: Type.Enum(["ok", "error", "in_progress"]),
    operation: Type.Enum(["create", "send", "receive", "process", "in_progress"]),
    cluster: Type.String(),
    topic: nullable(Type.String()),
    partition: nullable(Type.Integer()),
    messageOffset: nullable(decimal()),
    consumerGroup: nullable(Type.String()),
    messageKey: nullable(Type.String()),
    messageId: nullable(Type.String()),
    attempt: nullable(Type.Integer({ description: "1 for the first delivery" })),
    startTime: moment(),
    startUnixNano: decimal(),
    durationNs: decimal(),
    spanId: spanIdShape(),
    parentSpanId: nullable(spanIdShape()),
    spanName: Type.String(),
    error: nullable(Type.String({ description: "class of the failure, else its text" })),
  },
  { description: "One service's handling of one message." },
);

const hops = list(ref("Hop", HopSchema));
export const freshness = ref("Freshness", FreshnessSchema);

export const TrailSchema = Type.Object({
  found: Type.Literal(true),
  traceId: traceIdShape(),
  traceIds: list(traceIdShape(), "the asked trace and all that were reached from it"),
  hops,
  messages: list(ref("Place", PlaceSchema)),
  isCut: Type.Boolean({ description: "the trail is longer than is answered at once" }),
  freshness,
});

export const AskedSchema = Type.Union([
  Type.Object({ kind: Type.Literal("trace"), traceId: Type.String() }),
  Type.Object({
    kind: Type.Literal("message"),
    cluster: Type.String(),
    topic: Type.String(),
    partition: Type.Integer(),
    messageOffset: decimal(),
  }),
  Type.Object({ kind: Type.Literal("text"), text: Type.String() }),
]);

export const MatchesSchema = Type.Object({
  found: Type.Literal(true),
  asked: ref("Asked", AskedSchema),
  matches: list(
    Type.Object({
      by: Type.Enum(["message_id", "message_key"]),
      verdict: Type.Enum(MESSAGE_VERDICTS, { description: "what became of the message itself" }),
      hop: ref("Hop", HopSchema),
    }),
  ),
  isCut: Type.Boolean(),
  freshness,
});

export const NotFoundSchema = Type.Object({
  found: Type.Literal(false),
  asked: AskedSchema,
  holds: range,
  indexerDelayMs: nullable(Type.Number()),
  reason: Type.Enum(["not_in_store", "expired", "not_yet", "never_existed"]),
  sentence: Type.String(),
});

true satisfies Same<typeof FreshnessSchema, Freshness>;
true satisfies Same<typeof PlaceSchema, MessagePlace>;
true satisfies Same<typeof HopSchema, HopAnswer>;
true satisfies Same<typeof TrailSchema, TrailAnswer>;
true satisfies Same<typeof MatchesSchema, MatchesAnswer>;
true satisfies Same<typeof NotFoundSchema, NotFound>;
