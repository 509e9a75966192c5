import { randomUUID } from "node:crypto";
import type { AddressInfo } from "node:net";
import helmet from "@fastify/helmet";
import rateLimit from "@fastify/rate-limit";
import { TypeBoxValidatorCompiler } from "@fastify/type-provider-typebox";
import fastify, { LogController, type FastifyBaseLogger, type FastifyInstance } from "fastify";
import { Registry } from "prom-client";
import { assertDoorIsGuarded } from "../admission.ts";
import type { Config } from "../config.ts";
import { addressFault } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Query } from "../query/questions.ts";
import { answerFaults, answerUnreadablePath, sayWhatIsOdd } from "./faults.ts";
import { guardRoutes } from "./guard.ts";
import type { Health } from "./health.ts";
import { measureRequests } from "./metrics.ts";
import { describeApi } from "./openapi.ts";
import { addListRoutes } from "./routes/lists.ts";
import { addOperatorRoutes } from "./routes/operator.ts";
import { addQuestionRoutes } from "./routes/questions.ts";
import { addStandingRoutes } from "./routes/standing.ts";
import { Turnstile } from "./turnstile.ts";

/** An open HTTP door. */
export interface HttpServer {
  readonly url: string;
  readonly port: number;
  /** Answers what has been asked, then closes. */
  close(): Promise<void>;
}

/** How much one door takes. */
export interface HttpLimits {
  /** Questions in Postgres at once. Default 8. */
  readonly questionsMax: number;
  /** Questions that wait for a place. Default 64; the next one is told to come again. */
  readonly waitingMax: number;
  /** How long they wait. Default 2,000. */
  readonly waitMs: number;
  /** Requests of one token or address in a minute. Default 30,000. */
  readonly requestsPerMinuteMax: number;
}

const LIMITS: HttpLimits = {
  questionsMax: 8,
  waitingMax: 64,
  waitMs: 2_000,
  requestsPerMinuteMax: 30_000,
};

/** What the HTTP door is made of. */
export interface HttpServerOptions {
  readonly query: Query;
  readonly health: Health;
  readonly config: Pick<Config, "http" | "tokens" | "insecureDoors">;
  readonly log: Log;
  /** This build's, for the description of the API. */
  readonly version: string;
  /** Shown at `/metrics`; the door adds its own. */
  readonly registry?: Registry;
  readonly limits?: Partial<HttpLimits>;
}

/**
 * Opens the HTTP door of the store.
 *
 * Throws `TRAIL_CONFIG` when others could reach it without a token, or when its port is taken.
 */
export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { config, log } = options;
  assertDoorIsGuarded("http", config.http.host, config);
  const app = createApp(log);
  await addRoutes(app, options);
  await app.listen({ host: config.http.host, port: config.http.port }).catch((cause: unknown) => {
    throw addressFault("HTTP", `${config.http.host}:${config.http.port}`, "KAFKA_TRAIL_HTTP_PORT", cause);
  });
  const { port } = app.server.address() as AddressInfo;
  return { url: `http://${nameOf(config.http.host)}:${port}`, port, close: () => app.close() };
}

function createApp(log: Log): FastifyInstance {
  // Which address it listens on is said by whoever opened it.
  const level = log.isLevelEnabled("warn") ? "warn" : log.level;
  const loggerInstance: FastifyBaseLogger = log.child({ door: "http" }, { level });
  return fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: "requestId" }),
    genReqId: () => randomUUID(),
    // Every question is a GET without a body.
    bodyLimit: 1_024,
    requestTimeout: 10_000,
    keepAliveTimeout: 30_000,
    // Idle keep-alive connections of a page must not hold up a shutdown.
    forceCloseConnections: "idle",
    // A parameter longer than this would be "no such path"; long ones shall be told what is wrong with them.
    routerOptions: { maxParamLength: 8_192 },
    frameworkErrors: answerUnreadablePath,
    schemaErrorFormatter: sayWhatIsOdd,
  });
}

async function addRoutes(app: FastifyInstance, options: HttpServerOptions): Promise<void> {
  const { query, health, config } = options;
  const limits = { ...LIMITS, ...options.limits };
  const registry = options.registry ?? new Registry();

  // A name is answered as it is, whatever of it the schema knows: an answer may grow, and nothing of it is cut.
  app.setValidatorCompiler(TypeBoxValidatorCompiler);
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  app.addHook("onSend", async (request, reply) => void reply.header("x-request-id", request.id));
  answerFaults(app);
  guardRoutes(app, config);
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"], baseUri: ["'none'"] },
    },
    frameguard: { action: "deny" },
    // The door speaks plain HTTP; whoever puts TLS before it says this.
    strictTransportSecurity: false,
  });
  // An answer is true for as long as it takes to read: no proxy and no browser is to give it out again.
  app.addHook("onSend", async (_request, reply) => void reply.header("cache-control", "no-store"));
  await app.register(rateLimit, {
    max: limits.requestsPerMinuteMax,
    timeWindow: 60_000,
    keyGenerator: (request) => request.caller,
    errorResponseBuilder: (_request, { max, ttl }) =>
      Object.assign(
        new Error(
          `${max} requests a minute are answered here for one caller; ask again in ${Math.ceil(ttl / 1_000)} s.`,
        ),
        { statusCode: 429 },
      ),
  });
  await describeApi(app, options.version);
  measureRequests(app, registry);
  await app.register(async (inner) => {
    addOperatorRoutes(inner, { health, registry });
    const asking = { query, turnstile: new Turnstile(limits) };
    addQuestionRoutes(inner, asking);
    addListRoutes(inner, asking);
    addStandingRoutes(inner, asking);
  });
}

function nameOf(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
