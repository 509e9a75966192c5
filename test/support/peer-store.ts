import { createQuery } from "../../trace-store/query/query.ts";
import type { Query } from "../../trace-store/query/questions.ts";
import { migratedDatabase, type TestDatabase } from "./database.ts";
import { startTestIndexer } from "./indexer.ts";
import { tellTruth, type Truth } from "./peer-runs.ts";

/** A store that takes other programs' exports, as they come, through its OTLP door. */
export interface PeerStore {
  readonly database: TestDatabase;
  readonly query: Query;
  /** Request bodies of OTLP/HTTP; they are stored when this resolves. */
  take(bodies: readonly Buffer[], contentType?: string): Promise<void>;
  /** What a watcher would have seen. The default cluster, unless another is named. */
  tellTruth(truth: Truth, cluster?: string, clusterId?: string): Promise<void>;
  close(): Promise<void>;
}

/** Opens one. It keeps spans for ten years: captures are of the day on which they were made. */
export async function openPeerStore(): Promise<PeerStore> {
  const database = await migratedDatabase();
  const env = { KAFKA_TRAIL_RETENTION_DAYS: "3650", KAFKA_TRAIL_SLICE_MINUTES: "10080" };
  const indexer = await startTestIndexer({ databaseUrl: database.url, env });
  const query = createQuery({ databaseUrl: database.url, connectionsMax: 4 });
  return {
    database,
    query,
    async take(bodies, contentType = "application/x-protobuf") {
      for (const body of bodies) {
        const response = await fetch(`http://127.0.0.1:${indexer.otlpHttpPort}/v1/traces`, {
          method: "POST",
          headers: { "content-type": contentType },
          body: new Uint8Array(body),
        });
        const answer = await response.text();
        if (!response.ok) throw new Error(`OTLP answered ${response.status}: ${answer}`);
      }
    },
    tellTruth: (truth, cluster = "", clusterId) =>
      tellTruth(database, truth, { cluster, clusterId: clusterId ?? null }),
    async close() {
      await query.close();
      await indexer.stop();
      await database.drop();
    },
  };
}
