import { Type } from "typebox";
import {
  GROUP_VERDICTS,
  MESSAGE_VERDICTS,
  type FindAnswer,
  type GroupVerdictAnswer,
  type MessageAnswer,
} from "../../query/answers.ts";
import { freshness, HopSchema, MatchesSchema, TrailSchema } from "./hops.ts";
import { decimal, list, moment, nullable, ref, spanIdShape, traceIdShape, type Same } from "./shapes.ts";

export const GroupVerdictSchema = Type.Object(
  {
    consumerGroup: nullable(Type.String({ description: "null: spans that do not name their group" })),
    verdict: Type.Enum(GROUP_VERDICTS),
    why: Type.String({ description: "what the verdict rests on, in words" }),
    forwardedTo: nullable(Type.String()),
    attempts: Type.Integer(),
    failedAttempts: Type.Integer(),
    startedAt: nullable(moment("of the first attempt")),
    endedAt: nullable(moment("of the last attempt")),
    waitedNs: nullable(decimal("from the end of the send to the first attempt")),
    workedNs: nullable(decimal("of the attempt that decided")),
    committed: nullable(decimal("the next offset the group will read")),
    committedAt: nullable(moment()),
    aheadMessages: nullable(decimal()),
    behindMs: nullable(Type.Number()),
    etaMs: nullable(Type.Number()),
    flags: list(Type.String()),
    rewoundTo: nullable(decimal("to where the group was set back behind this message")),
    rewoundAt: nullable(moment()),
    traceId: nullable(traceIdShape()),
    spanId: nullable(spanIdShape()),
  },
  { description: "What became of the message for one consumer group." },
);

const related = list(
  Type.Object({
    msgId: Type.String(),
    topic: nullable(Type.String()),
    partition: nullable(Type.Integer()),
    messageOffset: nullable(decimal()),
    service: Type.String(),
    traceId: traceIdShape(),
    spanId: spanIdShape(),
  }),
);

export const MessageSchema = Type.Object({
  found: Type.Literal(true),
  message: Type.Object({
    cluster: Type.String(),
    topic: Type.String(),
    partition: Type.Integer(),
    messageOffset: decimal(),
    msgId: Type.String(),
    messageKey: nullable(Type.String()),
    messageId: nullable(Type.String()),
    verdict: Type.Enum(MESSAGE_VERDICTS),
    why: Type.String(),
    traceId: nullable(traceIdShape()),
    spanId: nullable(spanIdShape()),
    service: nullable(Type.String()),
    sentAt: nullable(moment()),
    appendedAt: nullable(moment()),
    incarnation: Type.Integer({ description: "the life of the topic that was looked at, from 1" }),
  }),
  groups: list(ref("GroupVerdict", GroupVerdictSchema)),
  hops: list(ref("Hop", HopSchema)),
  causes: related,
  effects: related,
  completeness: nullable(
    Type.Object({
      offsets: decimal("since the first sight"),
      void: decimal("offsets that hold no visible message"),
      seen: decimal(),
      ratio: nullable(Type.Number({ description: "seen / (offsets - void)" })),
      since: moment(),
    }),
  ),
  freshness,
});

export const FoundSchema = Type.Union([
  Type.Object({ kind: Type.Literal("trail"), trail: ref("Trail", TrailSchema) }),
  Type.Object({ kind: Type.Literal("message"), message: ref("Message", MessageSchema) }),
  Type.Object({ kind: Type.Literal("matches"), matches: ref("Matches", MatchesSchema) }),
]);

true satisfies Same<typeof GroupVerdictSchema, GroupVerdictAnswer>;
true satisfies Same<typeof MessageSchema, MessageAnswer>;
// Not found is a problem with status 404.
true satisfies Same<typeof FoundSchema, Exclude<FindAnswer, { kind: "not_found" }>>;
