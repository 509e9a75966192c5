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
  if (!(error instanceof Error) || error instanceof TrailError) return false;
  const { code } = error as { code?: unknown };
  return typeof code === "string" && /^([0-9A-Z]{5}|E[A-Z]+)$/.test(code);
}

function faultOf(error: Error & { readonly code: string }): TrailError {
  // Of several addresses that all refused, Node gives a message to each and none to the whole.
  const [first] = error instanceof AggregateError ? (error.errors as Error[]) : [];
  const said = error.message || first?.message || error.code;
  return new TrailError(
    "TRAIL_DATABASE",
    `Postgres cannot be used: ${said}. Check the server, the name and the rights in DATABASE_URL.`,
    { cause: error },
  );
}
