import type { Config } from "./config.ts";
import { TrailError } from "./errors.ts";

const EXPECTED = "expected the Postgres of the store, as in postgres://user:password@host:5432/database.";
/** What the driver understands; of anything else it makes a host's name. */
const POSTGRES = /^(postgres(ql)?:\/\/|socket:|\/)/;

/**
 * Returns where the store's Postgres is. Asked by what needs it alone: an app's own DATABASE_URL may stand in the shell of
 * somebody who only asks a server.
 *
 * @throws TrailError `TRAIL_CONFIG` where none is set, or something else than a Postgres.
 */
export function databaseUrlOf({ databaseUrl }: Pick<Config, "databaseUrl">): string {
  if (databaseUrl === undefined) throw new TrailError("TRAIL_CONFIG", `DATABASE_URL is not set; ${EXPECTED}`);
  // It may hold a password, so it is not repeated.
  if (!POSTGRES.test(databaseUrl))
    throw new TrailError("TRAIL_CONFIG", `DATABASE_URL is not the address of a Postgres; ${EXPECTED}`);
  return databaseUrl;
}
