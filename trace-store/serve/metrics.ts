import type { FastifyInstance } from "fastify";
import { Histogram, type Registry } from "prom-client";

/** Measures every answer by route and status. The route is the pattern, never the path: labels must not grow with ids. */
export function measureRequests(app: FastifyInstance, registry: Registry): void {
  const duration = new Histogram({
    name: "kafka_trail_http_request_duration_seconds",
    help: "Time to answer a request of the HTTP door.",
    labelNames: ["route", "status"],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [registry],
  });
  app.addHook("onResponse", (request, reply, done) => {
    duration.observe(
      { route: request.routeOptions.url ?? "none", status: String(reply.statusCode) },
      reply.elapsedTime / 1_000,
    );
    done();
  });
}
