import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { TrailError } from "../../errors.ts";
import type { UndeliveredQuestion } from "../../query/questions.ts";
import { problemResponses } from "../openapi.ts";
import { CoverageSchema, UndeliveredSchema } from "../schemas/lists.ts";
import { asked, ref } from "../schemas/shapes.ts";
import { CLUSTER, type Asking } from "./questions.ts";

/** How many rows an answer may have. */
export const LIMIT = Type.Optional(
  Type.Integer({ minimum: 1, maximum: 10_000, description: "default 1,000" }),
);

/** Adds the questions about many messages: what is not delivered, and what was seen at all. */
export function addListRoutes(app: FastifyInstance, { query, turnstile }: Asking): void {
  const typed = app.withTypeProvider<TypeBoxTypeProvider>();
  typed.get(
    "/api/v1/undelivered",
    {
      schema: {
        summary: "Messages of a topic that a consumer group has not dealt with, by partition and offset",
        operationId: "listUndelivered",
        querystring: asked({
          topic: Type.String(),
          consumerGroup: Type.String(),
          cluster: CLUSTER,
          olderThanMs: Type.Optional(
            Type.Integer({ minimum: 0, description: "appended at least so long ago; default 60,000" }),
          ),
          limit: LIMIT,
          after: Type.Optional(
            Type.String({ description: "partition/offset: `next` of the page before, joined by a slash" }),
          ),
        }),
        response: { 200: ref("Undelivered", UndeliveredSchema), ...problemResponses(400) },
      },
    },
    async ({ query: { after, ...question } }, reply) =>
      reply.send(
        await turnstile.pass(() =>
          query.undelivered({ ...question, ...(after !== undefined && { after: pageOf(after) }) }),
        ),
      ),
  );
  typed.get(
    "/api/v1/coverage",
    {
      schema: {
        summary:
          "How many of a topic's messages were seen, per partition, by its producers and by each group",
        operationId: "getCoverage",
        querystring: asked({ topic: Type.String(), cluster: CLUSTER }),
        response: { 200: ref("Coverage", CoverageSchema), ...problemResponses(400) },
      },
    },
    async ({ query: { topic, cluster } }, reply) =>
      reply.send(await turnstile.pass(() => query.coverage(topic, cluster))),
  );
}

function pageOf(spelled: string): NonNullable<UndeliveredQuestion["after"]> {
  const [, partition, messageOffset] = /^(\d{1,10})\/(\d{1,19})$/.exec(spelled) ?? [];
  if (partition !== undefined && messageOffset !== undefined) {
    return { partition: Number(partition), messageOffset };
  }
  throw new TrailError(
    "TRAIL_BAD_QUESTION",
    `The parameter "after" is "${spelled}"; expected partition/offset as \`next\` of the page before says, such as 3/4711.`,
  );
}
