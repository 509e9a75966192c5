import * as fc from "fast-check";
import type { TestDatabase, TestServer } from "../support/database.ts";
import { compareHistories, describeDifference } from "../support/histories/compare.ts";
import { histories } from "../support/histories/simulate.ts";
import { slicedDatabase } from "../support/sliced-database.ts";

/** What every supported Postgres must say of messages and groups: what the model says. */
export function historiesContract(server: () => TestServer | undefined): void {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await slicedDatabase(server());
  });
  afterAll(() => database.drop());

  test("100 histories: every verdict of the store is the model's", async () => {
    const client = await database.pool.connect();
    const { verdicts, differences } = await compareHistories(
      client,
      fc.sample(histories, { numRuns: 100, seed: 4_711 }),
    ).finally(() => client.release());

    expect(differences.slice(0, 1).map(describeDifference)).toEqual([]);
    expect(verdicts).toBeGreaterThan(300);
  });
}
