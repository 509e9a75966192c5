import { withClient } from "../trace-store/postgres-client.ts";
import { migratedDatabase, type TestDatabase } from "./support/database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await migratedDatabase();
});
afterAll(() => database.drop());

test("a server without TLS, where TLS is asked for, is told in a sentence without the password", async () => {
  const work = withClient(`${database.url}?sslmode=verify-full`, "lent", async () => undefined);

  await expect(work).rejects.toMatchObject({
    code: "TRAIL_UNREACHABLE",
    message: expect.stringMatching(
      /^Postgres cannot be used: The server does not support SSL connections\. Check/,
    ),
  });
});

test("a lent connection that breaks while it is idle fails the work on it, and not the process", async () => {
  const work = withClient(database.url, "lent", async (client) => {
    const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
    // Not events.once, which would listen for the error itself.
    const broken = new Promise((resolve) => client.once("end", resolve));
    await database.pool.query("SELECT pg_terminate_backend($1)", [rows[0]?.pid]);
    await broken;
    await client.query("SELECT 1");
  });

  await expect(work).rejects.toThrow(/not queryable|closed|terminat/i);
});
