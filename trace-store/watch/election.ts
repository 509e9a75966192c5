import { Client } from "pg";

/** The session that holds the lock, and with it the office; whatever it cannot write, nobody wrote. */
export interface Office {
  readonly client: Client;
  /** True once the session has died: the lock is gone with it. */
  isLost(): boolean;
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
  let isLost = false;
  client.on("error", () => (isLost = true));
  client.on("end", () => (isLost = true));
  await client.connect();
  const leave = () => client.end().catch(() => undefined);
  try {
    const { rows } = await client.query<{ got: boolean }>(
      "SELECT pg_try_advisory_lock(hashtextextended('kafka-trail watcher ' || $1, 0)) AS got",
      [cluster],
    );
    if (rows[0]?.got) return { client, isLost: () => isLost, leave };
  } catch (fault) {
    await leave();
    throw fault;
  }
  await leave();
  return undefined;
}
