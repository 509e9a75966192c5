import type { TrailCode } from "../errors.ts";

/** A fault as HTTP says it (RFC 9457). `type` and `code` are stable; `detail` is for people. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** The path that was asked. */
  readonly instance: string;
  readonly code: string;
  /** Also in the header `x-request-id` and in the server's log. */
  readonly requestId: string;
}

/** The one table from a fault's code to its HTTP status. */
export const STATUS_OF_CODE: Readonly<Record<TrailCode, number>> = {
  TRAIL_BAD_QUESTION: 400,
  TRAIL_AUTH: 401,
  TRAIL_NOT_FOUND: 404,
  TRAIL_CONFIG: 500,
  TRAIL_BUSY: 503,
  TRAIL_QUERY: 503,
  TRAIL_DATABASE: 503,
  TRAIL_BROKER: 503,
  TRAIL_SCHEMA_NEWER: 503,
  TRAIL_SCHEMA_MISSING: 503,
  TRAIL_UNREACHABLE: 503,
};

/** Codes of faults that only a door has, beside the store's own. */
export type DoorCode =
  | TrailCode
  | "HTTP_NO_ROUTE"
  | "HTTP_METHOD"
  | "HTTP_FORBIDDEN"
  | "HTTP_RATE"
  | "HTTP_REQUEST"
  | "HTTP_NOT_READY"
  | "HTTP_INTERNAL";

const TITLES: Readonly<Record<DoorCode, string>> = {
  TRAIL_BAD_QUESTION: "The question cannot be understood",
  TRAIL_AUTH: "A token is needed",
  TRAIL_NOT_FOUND: "Not in the store",
  TRAIL_CONFIG: "The server is configured wrongly",
  TRAIL_BUSY: "Too many questions at once",
  TRAIL_QUERY: "The question could not be answered",
  TRAIL_DATABASE: "The database cannot be reached",
  TRAIL_BROKER: "Kafka cannot be reached",
  TRAIL_SCHEMA_NEWER: "The database's schema is newer than this build",
  TRAIL_SCHEMA_MISSING: "The database has no current schema",
  TRAIL_UNREACHABLE: "A service cannot be reached",
  HTTP_NO_ROUTE: "Nothing lives at this path",
  HTTP_METHOD: "This method is not served",
  HTTP_FORBIDDEN: "Not allowed from there",
  HTTP_RATE: "Too many requests",
  HTTP_REQUEST: "The request cannot be read",
  HTTP_NOT_READY: "Not ready",
  HTTP_INTERNAL: "The server failed",
};

const INSTANCE_LENGTH_MAX = 200;

/** Makes a problem. Its type is a URN, as nobody is promised a page behind it. */
export function problemOf(
  code: DoorCode,
  status: number,
  detail: string,
  request: { readonly id: string; readonly url: string },
): Problem {
  return {
    type: `urn:kafka-trail:problem:${code
      .replace(/^(TRAIL|HTTP)_/, "")
      .toLowerCase()
      .replaceAll("_", "-")}`,
    title: TITLES[code],
    status,
    detail,
    instance: (request.url.split("?", 1)[0] ?? "").slice(0, INSTANCE_LENGTH_MAX),
    code,
    requestId: request.id,
  };
}
