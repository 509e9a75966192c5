import { afterAll, beforeAll, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { GROUP_VERDICTS } from "../trace-store/query/answers.ts";
import { compareHistories, describeDifference } from "./support/histories/compare.ts";
import { histories } from "./support/histories/simulate.ts";
import type { TestDatabase } from "./support/database.ts";
import { slicedDatabase } from "./support/sliced-database.ts";

let database: TestDatabase;

beforeAll(async () => {
  database = await slicedDatabase();
});
afterAll(() => database.drop());

// The same ones each time; `npm run gate -- verdicts` plays others.
const SEED = 20_260_101;

test("5,000 histories: every verdict of the store is the model's", async () => {
  const all = fc.sample(histories, { numRuns: 5_000, seed: SEED });
  const client = await database.pool.connect();
  const seen = new Set<string>();
  const said: string[] = [];

  try {
    for (let i = 0; i < all.length; i += 500) {
      const { differences, counts } = await compareHistories(client, all.slice(i, i + 500));
      for (const verdict of Object.keys(counts)) seen.add(verdict);
      said.push(...differences.slice(0, 1).map(describeDifference));
    }
  } finally {
    client.release();
  }

  expect(said).toEqual([]);
  expect([...seen].toSorted()).toEqual([...GROUP_VERDICTS].toSorted());
}, 240_000);
