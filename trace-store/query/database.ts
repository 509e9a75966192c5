import { Pool, type QueryResultRow } from "pg";
import { TrailError } from "../errors.ts";

/** Asks Postgres; every fault is a `TrailError`. */
export interface Database {
  /** `name` keeps the statement prepared on each connection, so it must stand for one text only. */
  ask<Row extends QueryResultRow>(name: string, text: string, values?: readonly unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

/** Options of {@link openDatabase}. */
export interface DatabaseOptions {
  readonly databaseUrl: string;
  /** Default 8. */
  readonly connectionsMax: number;
  /** A question that takes longer is given up. Milliseconds. */
  readonly statementTimeoutMs: number;
}

// Planning a look-up over hundreds of slices takes 10 to 60 times as long as running it; on Citus a generic plan of a
// statement that fans out is refused. The planner takes a hundred slices for much work, and compiling would take seconds.
const SESSION = `SELECT
  set_config('default_transaction_read_only', 'on', false), set_config('jit', 'off', false),
  CASE WHEN to_regclass('pg_catalog.pg_dist_partition') IS NULL
    THEN set_config('plan_cache_mode', 'force_generic_plan', false) END`;

/** Opens a pool of read-only sessions. Connects at the first question. */
export function openDatabase(options: DatabaseOptions): Database {
  const pool = new Pool({
    connectionString: options.databaseUrl,
    max: options.connectionsMax,
    application_name: "kafka-trail query",
    connectionTimeoutMillis: 5_000,
    statement_timeout: options.statementTimeoutMs,
    // A server that went away without a word: the answer must not wait for it for ever.
    query_timeout: options.statementTimeoutMs + 5_000,
    // Awaited by the pool before it hands the connection out, though its type says void.
    onConnect: (client): void => client.query(SESSION) as unknown as void,
  });
  // An idle connection that dies is replaced at the next question; unheard, the event would end the process.
  pool.on("error", () => undefined);

  return {
    async ask<Row extends QueryResultRow>(name: string, text: string, values: readonly unknown[] = []) {
      try {
        const { rows } = await pool.query<Row>({ name, text, values: [...values] });
        return rows;
      } catch (cause) {
        throw faultOf(cause);
      }
    },
    close: () => pool.end(),
  };
}

/** Where Postgres says so, the code; a fault of the connection has one of Node's, or none. */
function faultOf(cause: unknown): TrailError {
  const { code = "", message = String(cause) } = cause as { code?: string; message?: string };
  if (code === "22021" || code === "22023" || code === "22P02" || code === "22003") {
    return new TrailError("TRAIL_BAD_QUESTION", message, { cause });
  }
  if (code === "3F000" || code === "42P01" || code === "42883") {
    return new TrailError(
      "TRAIL_SCHEMA_MISSING",
      `Postgres answered "${message}". The database has no schema of kafka-trail, or an older one. Run \`kafka-trail migrate\`.`,
      { cause },
    );
  }
  if (code === "57014") {
    return new TrailError(
      "TRAIL_QUERY",
      "Postgres gave the question up, as it took too long. Ask for less, or again.",
      { cause },
    );
  }
  // 08 connection, 53 resources, 57P shutting down, 28 not allowed in, 3D no such database.
  if (!/^[0-9A-Z]{5}$/.test(code) || /^(08|53|57P|28|3D)/.test(code)) {
    return new TrailError(
      "TRAIL_DATABASE",
      `Postgres is not reachable: ${message || code}. The question was not looked up. Check DATABASE_URL and the server.`,
      { cause },
    );
  }
  return new TrailError("TRAIL_QUERY", `Postgres refused the question: ${message} (SQLSTATE ${code}).`, {
    cause,
  });
}
