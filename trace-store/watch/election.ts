import { Client } from "pg";

/** The session that holds the lock, and with it the office; whatever it cannot write, nobody wrote. */
export interface Office {
  readonly client: Client;
  /** Why the session has died, and the lock with it; `undefined` while it lives. */
  lost(): Error | undefined;
  leave(): Promise<void>;
}

/** Takes the one watcher's office of a cluster; `undefined` while another session holds it. */
export async function takeOffice(databaseUrl: string, cluster: string): Promise<Office | undefined> {
  const client = new Client({
    connectionString: databaseUrl,
    application_name: "kafka-trail watcher",
    connectionTimeoutMillis: 5_000,
    statement_timeout: 30_000,
    query_timeout: 35_000,
    keepAlive: true,
  });
  let lost: Error | undefined;
  client.on("error", (fault) => (lost ??= fault));
  client.on("end", () => (lost ??= new Error("Postgres ended the watcher's session.")));
  await client.connect();
  // A session that is dead already has nothing left to end.
  const leave = () => client.end().catch(() => undefined);
  try {
    const { rows } = await client.query<{ got: boolean }>(
      "SELECT pg_try_advisory_lock(hashtextextended('kafka-trail watcher ' || $1, 0)) AS got",
      [cluster],
    );
    if (rows[0]?.got) return { client, lost: () => lost, leave };
  } catch (fault) {
    await leave();
    throw fault;
  }
  await leave();
  return undefined;
}
