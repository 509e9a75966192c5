import type {
  FastifyError,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifySchemaValidationError,
} from "fastify";
import { TrailError } from "../errors.ts";
import { problemOf, STATUS_OF_CODE, type DoorCode } from "./problem.ts";

/** Seconds after which a caller who was turned away may ask again. */
const RETRY_AFTER_S = 1;

/** Makes every fault of the door a problem: what handlers throw, what fastify refuses, and paths nobody serves. */
export function answerFaults(app: FastifyInstance): void {
  app.setErrorHandler<FastifyError | TrailError>((error, request, reply) => {
    if (error instanceof TrailError) {
      const status = STATUS_OF_CODE[error.code];
      if (status >= 500) {
        request.log.warn({ err: error }, "a question was not answered");
        void reply.header("retry-after", RETRY_AFTER_S);
      }
      return sendProblem(request, reply, error.code, status, error.message);
    }
    const status = error.statusCode ?? 500;
    if (status < 500) return sendProblem(request, reply, codeOfRefusal(error), status, error.message);
    request.log.error({ err: error }, "the HTTP door failed");
    return sendProblem(
      request,
      reply,
      "HTTP_INTERNAL",
      500,
      `The server failed at this. Its log has the reason under the request id ${request.id}.`,
    );
  });
  app.setNotFoundHandler((request, reply) => answerNoRoute(request, reply));
}

/** Answers a path that could not be taken apart, which fastify finds before any route. */
export function answerUnreadablePath(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const status = error.statusCode ?? 400;
  const what = status === 414 ? "holds a part that is longer than any id" : "is not well-formed";
  const detail = `The path ${what}. An id in a path is written with encodeURIComponent.`;
  sendProblem(request, reply.header("x-request-id", request.id), "HTTP_REQUEST", status, detail);
}

/** Says in a sentence which parameter does not fit its schema. */
export function sayWhatIsOdd(errors: readonly FastifySchemaValidationError[]): Error {
  // An unknown parameter is told twice, once as one that matches no schema.
  const told = errors.filter(({ keyword }) => keyword !== "boolean");
  const said = told.map(({ instancePath, params, message }) => {
    const missing = params["requiredProperties"];
    if (Array.isArray(missing)) return `Missing in the question: ${missing.join(", ")}.`;
    const unknown = params["additionalProperties"];
    if (Array.isArray(unknown))
      return `Not known here: ${unknown.join(", ").slice(0, 200)}. /api/v1/openapi.json lists what may be asked.`;
    return `The parameter "${instancePath.slice(1)}" ${message ?? "is odd"}, given once.`;
  });
  return new Error(said.join(" "));
}

/** Answers with a problem. */
export function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  code: DoorCode,
  status: number,
  detail: string,
  more: Readonly<Record<string, unknown>> = {},
): FastifyReply {
  return reply
    .code(status)
    .type("application/problem+json")
    .send({ ...problemOf(code, status, detail, request), ...more });
}

function answerNoRoute(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (request.method !== "GET" && request.method !== "HEAD") {
    const detail = `${request.method} is not served here; every question is a GET.`;
    return sendProblem(request, reply.header("allow", "GET, HEAD"), "HTTP_METHOD", 405, detail);
  }
  const detail =
    "No question has this path. /api/v1/openapi.json lists them; most begin with /api/v1/find?q=<anything>.";
  return sendProblem(request, reply, "HTTP_NO_ROUTE", 404, detail);
}

function codeOfRefusal(error: FastifyError): DoorCode {
  if (error.statusCode === 429) return "HTTP_RATE";
  return error.validation ? "TRAIL_BAD_QUESTION" : "HTTP_REQUEST";
}
