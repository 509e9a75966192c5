import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { problemResponses } from "../openapi.ts";
import { freshness } from "../schemas/hops.ts";
import { GroupsSchema } from "../schemas/lists.ts";
import { asked, ref } from "../schemas/shapes.ts";
import { LIMIT } from "./lists.ts";
import { CLUSTER, type Asking } from "./questions.ts";

/** Adds the questions about how things stand now: the groups by the broker's word, and the store itself. */
export function addStandingRoutes(app: FastifyInstance, { query, turnstile }: Asking): void {
  const typed = app.withTypeProvider<TypeBoxTypeProvider>();
  typed.get(
    "/api/v1/freshness",
    {
      schema: {
        summary: "Which time the store holds, how far the indexer is behind, and how the broker is watched",
        operationId: "getFreshness",
        response: { 200: freshness, ...problemResponses() },
      },
    },
    async (_request, reply) => reply.send(await turnstile.pass(() => query.freshness())),
  );
  typed.get(
    "/api/v1/groups",
    {
      schema: {
        summary: "Where each consumer group stands on each partition",
        operationId: "listGroups",
        querystring: asked({
          topic: Type.Optional(Type.String()),
          consumerGroup: Type.Optional(Type.String()),
          cluster: CLUSTER,
          limit: LIMIT,
        }),
        response: { 200: ref("Groups", GroupsSchema), ...problemResponses(400) },
      },
    },
    async (request, reply) => reply.send(await turnstile.pass(() => query.groups(request.query))),
  );
}
