import swagger from "@fastify/swagger";
import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import {
  AskedSchema,
  FreshnessSchema,
  HopSchema,
  MatchesSchema,
  PlaceSchema,
  TrailSchema,
} from "./schemas/hops.ts";
import { CoverageSchema, GroupsSchema, UndeliveredSchema } from "./schemas/lists.ts";
import { FoundSchema, GroupVerdictSchema, MessageSchema } from "./schemas/messages.ts";
import { ref } from "./schemas/shapes.ts";

const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: "stable" }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: "what was seen, what was expected, what to do" }),
    instance: Type.String({ description: "the path that was asked" }),
    code: Type.String({ description: "stable" }),
    requestId: Type.String({ description: "also in the header x-request-id and in the server's log" }),
  },
  { description: "A fault (RFC 9457). A 404 also bears what was asked, and what the store holds instead." },
);

/** What the document names once, under `components`. */
const NAMED = {
  Asked: AskedSchema,
  Coverage: CoverageSchema,
  Found: FoundSchema,
  Freshness: FreshnessSchema,
  GroupVerdict: GroupVerdictSchema,
  Groups: GroupsSchema,
  Hop: HopSchema,
  Matches: MatchesSchema,
  Message: MessageSchema,
  Place: PlaceSchema,
  Problem: ProblemSchema,
  Trail: TrailSchema,
  Undelivered: UndeliveredSchema,
};

/** Generates the description of the API from the routes' own schemas; `/api/v1/openapi.json` shows it. */
export async function describeApi(app: FastifyInstance, version: string): Promise<void> {
  for (const [$id, schema] of Object.entries(NAMED)) app.addSchema({ ...schema, $id });
  await app.register(swagger, {
    refResolver: { buildLocalReference: ({ $id }) => (typeof $id === "string" ? $id : "Unnamed") },
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "kafka-trail",
        version,
        description:
          "What happened to this message? Offsets and nanoseconds are decimal strings, as JSON numbers lose their last digits. What is not known is null. Fields may be added, and words in enumerations too.",
        license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      },
      components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
      // One of the two: a door that is open to its own machine only asks for no token.
      security: [{ token: [] }, {}],
    },
  });
}

const DESCRIPTIONS = {
  400: "The question cannot be understood; `detail` shows the accepted forms.",
  401: "A token is needed.",
  404: "Not in the store; `detail` says what the store holds.",
  429: "This caller asks too often; `Retry-After` says when to come again.",
  503: "The question could not be answered: the database is away, or too many ask at once.",
} as const;

/** The problems that a question may be answered with, besides those of every question. */
export function problemResponses(...statuses: readonly (400 | 404)[]) {
  const content = { "application/problem+json": { schema: ref("Problem", ProblemSchema) } };
  return Object.fromEntries(
    ([...statuses, 401, 429, 503] as const).map((it) => [it, { description: DESCRIPTIONS[it], content }]),
  );
}
