import { Client } from "pg";
import { TrailError } from "./errors.ts";

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Lends a connection to one piece of work, and ends it.
 *
 * A connection that breaks fails the statement that runs on it, or the next one. It also raises an event, and one that
 * nobody listens to would end the process: Postgres's crash would then be the store's.
 */
export async function withClient<T>(
  databaseUrl: string,
  applicationName: string,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({
    connectionString: databaseUrl,
    application_name: applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  client.on("error", () => undefined);
  await client.connect().catch((fault: unknown) => {
    throw ofTheWay(fault);
  });
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** What Postgres answers bears an SQLSTATE, and what the system says a name such as ECONNREFUSED. */
const TOLD_BY_CODE = /^([0-9A-Z]{5}|E[A-Z]+(_AGAIN)?)$/;

/**
 * Names a fault on the way to a session. `pg`'s own have no code (no answer in time, no TLS there, no password given), and
 * a certificate that is not trusted has a name that only TLS knows.
 */
function ofTheWay(fault: unknown): unknown {
  const { code, message = String(fault) } = fault as { code?: string; message?: string };
  if (TOLD_BY_CODE.test(code ?? "")) return fault;
  if (message === "timeout expired") return Object.assign(fault as Error, { code: "ETIMEDOUT" });
  return new TrailError(
    "TRAIL_UNREACHABLE",
    `Postgres cannot be used: ${message}. Check the server, the password and sslmode in DATABASE_URL.`,
    { cause: fault },
  );
}
