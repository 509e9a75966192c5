import type { Client } from "pg";
import { withClient as lendClient } from "../../trace-store/postgres-client.ts";
import { ensureSlices } from "../../trace-store/schema/slices.ts";
import { createWriter, type Writer, type WriterOptions } from "../../trace-store/write/writer.ts";
import { migratedDatabase, type TestDatabase, type TestServer } from "./database.ts";

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** A database with slices for about now, and a way to write to it and to look into it. */
export interface TestStore {
  readonly database: TestDatabase;
  writer: Writer;
  /** One more writer, as another process would have. */
  anotherWriter(options?: Partial<WriterOptions>): Writer;
  query<T extends object>(sql: string, values?: unknown[]): Promise<T[]>;
  /** The only number in the only row. */
  count(sql: string, values?: unknown[]): Promise<number>;
  /** Gives a source partition its first position, as resuming does. */
  startSource(partition?: number, next?: number): Promise<void>;
  /** Empties every table, keeps the slices, and makes a new writer. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** Makes slices of one day about now. */
export async function makeSlices(databaseUrl: string, now = new Date()): Promise<void> {
  await withClient(databaseUrl, (client) =>
    ensureSlices(client, { now, sliceMs: DAY_MS, aheadMs: HOUR_MS, retentionMs: 14 * DAY_MS }),
  );
}

/** Lends a connection. */
export const withClient = <T>(databaseUrl: string, work: (client: Client) => Promise<T>): Promise<T> =>
  lendClient(databaseUrl, "kafka-trail test", work);

/** Makes a store of a test's own. */
export async function aStore(server?: TestServer, options: Partial<WriterOptions> = {}): Promise<TestStore> {
  const database = await migratedDatabase(server);
  await makeSlices(database.url);
  const writers: Writer[] = [];
  const anotherWriter = (more: Partial<WriterOptions> = {}): Writer => {
    const made = createWriter({ databaseUrl: database.url, retentionMs: 14 * DAY_MS, ...options, ...more });
    writers.push(made);
    return made;
  };
  const query = async <T extends object>(sql: string, values?: unknown[]): Promise<T[]> =>
    (await database.pool.query<T>(sql, values)).rows;
  const store: TestStore = {
    database,
    writer: anotherWriter(),
    anotherWriter,
    query,
    async count(sql, values) {
      const [row] = await query<Record<string, string>>(sql, values);
      return Number(Object.values(row ?? {})[0]);
    },
    async startSource(partition = 0, next = 0) {
      await query(
        `INSERT INTO trail_private.source_offsets (cluster_id, topic, partition, incarnation, next_offset, log_start)
         VALUES ('test-cluster', 'otlp_spans', $1, 1, $2, 0)`,
        [partition, next],
      );
    },
    async reset() {
      await Promise.all(writers.splice(0).map((writer) => writer.close(0)));
      // DELETE: a TRUNCATE writes a new file for every table and SQL index, which takes longer than these few rows.
      await query(`DO $$ DECLARE one regclass; BEGIN
        FOR one IN SELECT oid FROM pg_class
          WHERE relnamespace = 'trail_private'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
            AND relname NOT IN ('migrations', 'published')
        LOOP EXECUTE format('DELETE FROM %s', one); END LOOP; END $$`);
      store.writer = anotherWriter();
    },
    async close() {
      await Promise.all(writers.map((writer) => writer.close(0)));
      await database.drop();
    },
  };
  return store;
}
