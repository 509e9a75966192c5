import type { FastifyInstance } from "fastify";
import { createAdmission } from "../admission.ts";
import type { Config, Scope } from "../config.ts";
import { sendProblem } from "./faults.ts";
import { foreignCaller } from "./foreign-caller.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** The scope a route asks for. Default `read`: a route that forgets to say so is closed, not open. */
    scope?: Scope | "none";
  }
  interface FastifyRequest {
    /** Who asks: a token's fingerprint or an address. Rates are counted by it. */
    caller: string;
    /** False on a route of scope `none` when the caller could not have read anything else. */
    mayRead: boolean;
  }
}

/** Lets in nobody without the scope that a route asks for, and no page of another site. */
export function guardRoutes(app: FastifyInstance, config: Pick<Config, "http" | "tokens" | "insecureDoors">) {
  const admit = createAdmission("http", config);
  app.decorateRequest("caller", "");
  app.decorateRequest("mayRead", false);
  app.addHook("onRequest", async (request, reply) => {
    const foreign = foreignCaller(config.http.host, request.headers);
    if (foreign !== undefined) return sendProblem(request, reply, "HTTP_FORBIDDEN", 403, foreign);

    const scope = request.routeOptions.config.scope ?? "read";
    const admission = admit(scope === "none" ? "read" : scope, request.headers.authorization, request.ip);
    request.mayRead = admission.isAdmitted;
    request.caller = admission.isAdmitted ? admission.caller : request.ip;
    if (admission.isAdmitted || scope === "none") return undefined;
    if (admission.status === 401) void reply.header("www-authenticate", 'Bearer realm="kafka-trail"');
    return sendProblem(request, reply, "TRAIL_AUTH", admission.status, admission.detail);
  });
}
