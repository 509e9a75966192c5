import { Client } from "pg";

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
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
