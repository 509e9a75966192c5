import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { parseCoordinates } from "kafka-trail/trace-context";
import { Type } from "typebox";
import { TrailError } from "../../errors.ts";
import type { NotFound } from "../../query/answers.ts";
import type { AskedCoordinates, Query } from "../../query/questions.ts";
import { sendProblem } from "../faults.ts";
import { problemResponses } from "../openapi.ts";
import { TrailSchema } from "../schemas/hops.ts";
import { FoundSchema, MessageSchema } from "../schemas/messages.ts";
import { asked, ref } from "../schemas/shapes.ts";
import type { Turnstile } from "../turnstile.ts";

/** What the routes ask through. */
export interface Asking {
  readonly query: Query;
  readonly turnstile: Turnstile;
}

/**
 * Adds the questions about one id.
 *
 * Ids come in as text, and no schema checks them: the query knows every form, and says which there are better than a schema.
 */
export function addQuestionRoutes(app: FastifyInstance, { query, turnstile }: Asking): void {
  const typed = app.withTypeProvider<TypeBoxTypeProvider>();
  typed.get(
    "/api/v1/trails/:traceId",
    {
      schema: {
        summary: "Everything that happened around a trace id",
        operationId: "getTrail",
        params: Type.Object({ traceId: Type.String({ description: "32 hex characters, or a traceparent" }) }),
        response: { 200: ref("Trail", TrailSchema), ...problemResponses(400, 404) },
      },
    },
    async (request, reply) => {
      const answer = await turnstile.pass(() => query.trail(request.params.traceId));
      return answer.found ? reply.send(answer) : sendNotFound(request, reply, answer);
    },
  );
  typed.get(
    "/api/v1/messages/:topic/:partition/:messageOffset",
    {
      schema: {
        summary: "What happened to one message, with a verdict for every consumer group",
        operationId: "getMessage",
        params: Type.Object({
          topic: Type.String(),
          partition: Type.String({ description: "decimal" }),
          messageOffset: Type.String({ description: "decimal" }),
        }),
        querystring: asked({ cluster: CLUSTER }),
        response: { 200: ref("Message", MessageSchema), ...problemResponses(400, 404) },
      },
    },
    async (request, reply) => {
      const at = { ...placeOf(request.params), ...request.query };
      const answer = await turnstile.pass(() => query.message(at));
      return answer.found ? reply.send(answer) : sendNotFound(request, reply, answer);
    },
  );
  typed.get(
    "/api/v1/find",
    {
      schema: {
        summary: "What happened to whatever bears this id",
        operationId: "find",
        querystring: asked({
          q: Type.String({
            description:
              "trace id, traceparent, topic/partition/offset, message key or message id, also inside a pasted URL or JSON",
          }),
        }),
        response: { 200: ref("Found", FoundSchema), ...problemResponses(400, 404) },
      },
    },
    async (request, reply) => {
      const answer = await turnstile.pass(() => query.find(request.query.q));
      return answer.kind === "not_found" ? sendNotFound(request, reply, answer.notFound) : reply.send(answer);
    },
  );
}

/** The name of a Kafka cluster in a question; the default one has none. */
export const CLUSTER = Type.Optional(
  Type.String({ description: "name of the Kafka cluster; default: none" }),
);

/** Says that nothing is stored under an id, with all that is known instead. */
function sendNotFound(request: FastifyRequest, reply: FastifyReply, answer: NotFound): FastifyReply {
  const { sentence, asked, holds, indexerDelayMs, reason } = answer;
  return sendProblem(request, reply, "TRAIL_NOT_FOUND", 404, sentence, {
    asked,
    holds,
    indexerDelayMs,
    reason,
  });
}

function placeOf(spelled: { topic: string; partition: string; messageOffset: string }): AskedCoordinates {
  const place = `${spelled.topic}/${spelled.partition}/${spelled.messageOffset}`;
  const at = parseCoordinates(place);
  if (at) return at;
  throw new TrailError(
    "TRAIL_BAD_QUESTION",
    `"${place}" is no place of a message; expected topic/partition/offset, such as orders/3/4711.`,
  );
}
