import { Type } from "typebox";
import { GROUP_VERDICTS } from "../../query/answers.ts";
import type { CoverageAnswer, GroupsAnswer, UndeliveredAnswer } from "../../query/list-answers.ts";
import { freshness } from "./hops.ts";
import { decimal, list, moment, nullable, traceIdShape, type Same } from "./shapes.ts";

export const UndeliveredSchema = Type.Object({
  consumerGroup: Type.String(),
  messages: list(
    Type.Object({
      cluster: Type.String(),
      topic: Type.String(),
      partition: Type.Integer(),
      messageOffset: decimal(),
      verdict: Type.Enum(GROUP_VERDICTS),
      why: Type.String(),
      sentAt: nullable(moment()),
      messageKey: nullable(Type.String()),
      traceId: nullable(traceIdShape()),
    }),
  ),
  next: nullable(Type.Object({ partition: Type.Integer(), messageOffset: decimal() })),
  freshness,
});

export const CoverageSchema = Type.Object({
  rows: list(
    Type.Object({
      cluster: Type.String(),
      topic: Type.String(),
      partition: Type.Integer(),
      consumerGroup: nullable(Type.String({ description: "null: the producers" })),
      offsets: decimal("since the first sight"),
      void: decimal("offsets that hold no visible message"),
      seen: decimal(),
      unaccounted: decimal("offsets that nobody has told of"),
      ratio: nullable(Type.Number({ description: "seen / (offsets - void), 0 to 1" })),
      isSampled: Type.Boolean({ description: "only bounds are kept here, so `seen` is an upper bound" }),
      since: moment(),
    }),
  ),
  freshness,
});

export const GroupsSchema = Type.Object({
  rows: list(
    Type.Object({
      cluster: Type.String(),
      consumerGroup: Type.String(),
      state: nullable(Type.String({ description: "Kafka's word" })),
      members: nullable(Type.Integer()),
      topic: Type.String(),
      partition: Type.Integer(),
      committed: decimal(),
      committedAt: moment(),
      logStart: decimal(),
      logEnd: decimal(),
      lagMessages: decimal(),
      expiredMessages: decimal("taken by retention before the group had read them"),
    }),
  ),
  freshness,
});

true satisfies Same<typeof UndeliveredSchema, UndeliveredAnswer>;
true satisfies Same<typeof CoverageSchema, CoverageAnswer>;
true satisfies Same<typeof GroupsSchema, GroupsAnswer>;
