import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import type { Registry } from "prom-client";
import { Type } from "typebox";
import { sendProblem } from "../faults.ts";
import type { Health } from "../health.ts";

/** Adds what an operator and a probe ask: is it alive, is it ready, its figures, and where things are. */
export function addOperatorRoutes(
  app: FastifyInstance,
  { health, registry }: { readonly health: Health; readonly registry: Registry },
): void {
  const typed = app.withTypeProvider<TypeBoxTypeProvider>();
  const unguarded = { scope: "none", rateLimit: false } as const;

  typed.get("/", { config: { scope: "none" }, schema: { hide: true } }, () => ({
    name: "kafka-trail",
    says: "What happened to this message? Ask /api/v1/find?q=<trace id, traceparent, topic/partition/offset or key>.",
    find: "/api/v1/find?q=",
    api: "/api/v1/openapi.json",
    ready: "/readyz",
  }));
  typed.get("/api/v1/openapi.json", { schema: { hide: true } }, () => app.swagger());
  typed.get("/metrics", { schema: { hide: true } }, async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  );
  typed.get(
    "/healthz",
    { config: unguarded, schema: { summary: "Is the process alive?", response: { 200: ALIVE } } },
    () => ({ status: "alive" as const }),
  );
  typed.get(
    "/readyz",
    { config: unguarded, schema: { summary: "Can it do its work?", response: { 200: READY } } },
    async (request, reply) => {
      const found = await health.check();
      // Who may not read anything else learns that something is wrong, and not what.
      const checks = found.map(({ name, isReady, says }) => ({
        name,
        isReady,
        ...(request.mayRead && { says }),
      }));
      const faults = found.filter((it) => !it.isReady);
      if (faults.length === 0) return { status: "ready" as const, checks };
      const detail = request.mayRead
        ? faults.map((it) => it.says).join(" ")
        : `Not ready: ${faults.map((it) => it.name).join(", ")}.`;
      return sendProblem(request, reply, "HTTP_NOT_READY", 503, detail, { checks });
    },
  );
}

const ALIVE = Type.Object({ status: Type.Literal("alive") });
const READY = Type.Object({
  status: Type.Literal("ready"),
  checks: Type.Array(
    Type.Object({ name: Type.String(), isReady: Type.Boolean(), says: Type.Optional(Type.String()) }),
  ),
});
