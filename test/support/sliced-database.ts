import { ensureSlices } from "../../trace-store/schema/slices.ts";
import { migratedDatabase, type TestDatabase, type TestServer } from "./database.ts";

const HOUR_MS = 3_600_000;

/** A migrated database with slices around now. */
export async function slicedDatabase(server?: TestServer): Promise<TestDatabase> {
  const database = await migratedDatabase(server);
  const client = await database.pool.connect();
  try {
    await ensureSlices(client, {
      now: new Date(),
      sliceMs: HOUR_MS,
      aheadMs: HOUR_MS,
      retentionMs: 24 * HOUR_MS,
    });
  } finally {
    client.release();
  }
  return database;
}
