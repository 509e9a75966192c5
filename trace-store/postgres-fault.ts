import { types } from "node:util";
import { TrailError } from "./errors.ts";

/** Runs what talks to Postgres; what Postgres or the way there refuses becomes a fault that is told in a sentence. */
export async function tellingPostgresFaults<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isOfPostgres(error) ? faultOf(error) : error;
  }
}

/** Postgres's errors bear an SQLSTATE, those of the way there a name such as ECONNREFUSED. */
function isOfPostgres(error: unknown): error is Error & { readonly code: string } {
  // Not instanceof: an error of Node's own may be of another realm, as in tests.
  if (!types.isNativeError(error) || error instanceof TrailError) return false;
  const { code } = error as { code?: unknown };
  return typeof code === "string" && /^([0-9A-Z]{5}|E[A-Z]+)$/.test(code);
}

function faultOf(error: Error & { readonly code: string }): TrailError {
  // Of several addresses that all refused, Node gives a message to each and none to the whole.
  const [first] = error instanceof AggregateError ? (error.errors as Error[]) : [];
  const said = error.message || first?.message || error.code;
  const { code } = error;
  if (MISSING_SCHEMA.has(code)) {
    return new TrailError(
      "TRAIL_SCHEMA_MISSING",
      `The database at DATABASE_URL has no schema of kafka-trail, or an older one: ${said}. Run \`kafka-trail migrate\`, or point DATABASE_URL at the store.`,
      { cause: error },
    );
  }
  return new TrailError(
    isRefusal(code) ? "TRAIL_AUTH" : isOfTheWay(code) ? "TRAIL_UNREACHABLE" : "TRAIL_DATABASE",
    `Postgres cannot be used: ${said}. Check the server, the name and the rights in DATABASE_URL.`,
    { cause: error },
  );
}

/** A table, function, schema or column that our schema has. */
const MISSING_SCHEMA: ReadonlySet<string> = new Set(["42P01", "42883", "3F000", "42703"]);

const isRefusal = (code: string): boolean => code.startsWith("28") || code === "42501";
const isOfTheWay = (code: string): boolean => code.startsWith("08") || /^E[A-Z]{2,}/.test(code);
