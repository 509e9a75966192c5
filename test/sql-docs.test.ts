import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { TestDatabase } from "./support/database.ts";
import { sqlExamples, storyDatabase } from "./support/story.ts";

const examples = sqlExamples();

let database: TestDatabase;

beforeAll(async () => {
  database = await storyDatabase();
});
afterAll(() => database.drop());

test.each(examples)("the example in docs/SQL.md finds something: %s", async (sql) => {
  const { rows } = await database.pool.query(sql);

  expect(rows.length).toBeGreaterThan(0);
});

test("every public view and function has a comment in the database and an example in docs/SQL.md", async () => {
  const { rows } = await database.pool.query<{ name: string; comment: string | null }>(`
    SELECT c.relname AS name, obj_description(c.oid, 'pg_class') AS comment FROM pg_class c
    WHERE c.relnamespace = 'trail'::regnamespace AND c.relkind IN ('v', 'r', 'm')
    UNION ALL
    SELECT p.proname, obj_description(p.oid, 'pg_proc') FROM pg_proc p WHERE p.pronamespace = 'trail'::regnamespace`);
  const withoutComment = rows.filter(({ comment }) => !comment).map(({ name }) => name);
  const withoutExample = rows
    .map(({ name }) => name)
    .filter((name) => !examples.some((sql) => sql.includes(`trail.${name}`)));

  expect(rows.length).toBeGreaterThan(10);
  expect({ withoutComment, withoutExample }).toEqual({ withoutComment: [], withoutExample: [] });
});

test("a reader's role may ask everything that docs/SQL.md asks", async () => {
  const client = await database.pool.connect();
  const refused: string[] = [];
  try {
    await client.query("SET ROLE trail_reader");
    for (const sql of examples) {
      await client.query(sql).catch((fault: Error) => refused.push(`${sql}: ${fault.message}`));
    }
  } finally {
    await client.query("RESET ROLE");
    client.release();
  }

  expect(refused).toEqual([]);
});
