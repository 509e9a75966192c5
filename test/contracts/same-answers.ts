import type { TestDatabase, TestServer } from "../support/database.ts";
import { sqlExamples, storyDatabase } from "../support/story.ts";

// What depends on the moment of asking.
const withoutTimes = (rows: readonly object[]): unknown =>
  JSON.parse(
    JSON.stringify(rows, (_, value: unknown) =>
      typeof value === "string" ? value.replace(/\d{4}-\d\d-\d\d[T ][\d:.]+(Z|\+00)?/g, "a time") : value,
    ),
  );
const isInterval = (value: unknown): boolean => value?.constructor?.name === "PostgresInterval";

/** What every supported Postgres must answer to each example of docs/SQL.md: the same as the run's own. */
export function sameAnswersContract(server: () => TestServer | undefined): void {
  let here: TestDatabase;
  let there: TestDatabase;
  beforeAll(async () => {
    const toldAt = new Date();
    [here, there] = await Promise.all([storyDatabase(undefined, toldAt), storyDatabase(server(), toldAt)]);
  });
  afterAll(() => Promise.all([here, there].map((it) => it.drop())));

  test.each(sqlExamples())("the same answer as on plain Postgres: %s", async (sql) => {
    const [expected, got] = await Promise.all(
      [here, there].map(async ({ pool }) => {
        const { rows } = await pool.query<Record<string, unknown>>(sql);
        const spelled = rows.map((row) =>
          Object.fromEntries(
            Object.entries(row).map(([name, value]) => [name, isInterval(value) ? "a time" : value]),
          ),
        );
        return (withoutTimes(spelled) as object[]).map((row) => JSON.stringify(row)).toSorted();
      }),
    );

    expect(got).toEqual(expected);
    expect(got).not.toEqual([]);
  });
}
