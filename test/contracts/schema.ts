import { migrate } from "../../trace-store/schema/migrate.ts";
import { readSchemaFiles, type SchemaFiles } from "../../trace-store/schema/sql-files.ts";
import { emptyDatabase, type TestDatabase, type TestServer } from "../support/database.ts";
import { DAY_MS, makeSlices, withClient } from "../support/stores.ts";
import { ensureSlices } from "../../trace-store/schema/slices.ts";

/** What every supported Postgres must do with our schema. */
export function schemaContract(server: () => TestServer | undefined): void {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await emptyDatabase(server());
  });
  afterEach(() => database.drop());

  const ours = readSchemaFiles();
  const query = async (sql: string) => (await database.pool.query(sql)).rows;
  /** A small schema with these views and functions. */
  const withFunctions = (text: string, more: Partial<SchemaFiles> = {}): SchemaFiles => ({
    migrations: [
      { name: "0001_first", text: "CREATE SCHEMA trail; CREATE TABLE trail_private.things (a int, b text)" },
    ],
    functions: [{ name: "10_first", text }],
    roles: { name: "roles", text: "" },
    version: "1.0.0",
    ...more,
  });
  const apply = (files: SchemaFiles) => migrate(database.url, { files });

  test("migrating installs the schema, and migrating again does no harm", async () => {
    const first = await migrate(database.url);
    const again = await migrate(database.url);

    expect(first.applied).toEqual([...ours.migrations.map(({ name }) => name), "functions"]);
    expect(first.version).toBe(ours.migrations.at(-1)?.name.slice(0, 4));
    expect(again).toEqual({ applied: [], distributed: [], version: first.version });
  });

  test("a database that coordinates no Citus cluster is not spread over one, and nothing is done to it", async () => {
    await expect(migrate(database.url, { citus: true })).rejects.toMatchObject({
      code: "TRAIL_CONFIG",
      message: expect.stringContaining("has no extension citus") as string,
    });

    expect(await query("SELECT FROM pg_namespace WHERE nspname LIKE 'trail%'")).toEqual([]);
  });

  test("twenty processes that migrate at once install it once", async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => migrate(database.url)));

    expect(all.filter(({ applied }) => applied.length > 0)).toHaveLength(1);
  });

  test("a migration that fails leaves nothing behind, and says which file it was", async () => {
    const bad = withFunctions("", {
      migrations: [
        { name: "0001_good", text: "CREATE SCHEMA trail; CREATE TABLE trail.things (a int)" },
        { name: "0002_bad", text: "CREATE TABLE nowhere.things (a int)" },
      ],
    });

    await expect(apply(bad)).rejects.toThrow(
      'schema/migrations/0002_bad.sql was refused: schema "nowhere" does not exist.',
    );

    expect(await query("SELECT FROM pg_namespace WHERE nspname LIKE 'trail%'")).toEqual([]);
  });

  test("a database that is further on is used as it is", async () => {
    await migrate(database.url);
    await query("INSERT INTO trail_private.migrations (name, is_breaking) VALUES ('0999_later', false)");

    expect(await migrate(database.url)).toEqual({ applied: [], distributed: [], version: "0999" });
  });

  test("a database that is further on in a breaking way is refused, in a sentence", async () => {
    await migrate(database.url);
    await query("INSERT INTO trail_private.migrations (name, is_breaking) VALUES ('0999_later', true)");

    const known = ours.migrations.at(-1)?.name.slice(0, 4);
    await expect(migrate(database.url)).rejects.toMatchObject({
      code: "TRAIL_SCHEMA_NEWER",
      message: `Database schema is at 0999; this build knows up to ${known}. Upgrade kafka-trail, or point DATABASE_URL at another database.`,
    });
  });

  test("a migration marked breaking is remembered as such", async () => {
    const files = withFunctions("");

    await apply({
      ...files,
      migrations: [
        ...files.migrations,
        { name: "0002_x", text: "--! breaking\nDROP TABLE trail_private.things" },
      ],
    });

    await expect(apply(files)).rejects.toMatchObject({ code: "TRAIL_SCHEMA_NEWER" });
  });

  test("views and functions are applied again when their text changes, and only then", async () => {
    const view = (column: string) =>
      withFunctions(`CREATE OR REPLACE VIEW trail.seen AS SELECT ${column} FROM trail_private.things`);
    await apply(view("a"));

    expect((await apply(view("a"))).applied).toEqual([]);
    expect((await apply(view("a, b"))).applied).toEqual(["functions"]);
    expect((await apply(view("b"))).applied).toEqual(["functions"]);
    expect(await query("SELECT attname FROM pg_attribute WHERE attrelid = 'trail.seen'::regclass")).toEqual([
      { attname: "b" },
    ]);
  });

  test("a function whose signature changes leaves no overload, and what no file mentions any more is gone", async () => {
    await apply(
      withFunctions(`CREATE FUNCTION trail.f(x int) RETURNS int LANGUAGE sql AS 'SELECT 1';
                     CREATE OR REPLACE VIEW trail.old AS SELECT trail.f(1) AS one;`),
    );

    await apply(
      withFunctions(
        "CREATE OR REPLACE FUNCTION trail.f(x text) RETURNS text LANGUAGE sql AS 'SELECT 2::text'",
      ),
    );

    expect(
      await query(
        "SELECT oid::regprocedure::text AS f FROM pg_proc WHERE pronamespace = 'trail'::regnamespace",
      ),
    ).toEqual([{ f: "trail.f(text)" }]);
    expect(await query("SELECT to_regclass('trail.old') AS old")).toEqual([{ old: null }]);
  });

  test("a migration may change a column that a view shows", async () => {
    const files = withFunctions("CREATE OR REPLACE VIEW trail.seen AS SELECT a FROM trail_private.things");
    await apply(files);

    await apply({
      ...files,
      migrations: [
        ...files.migrations,
        { name: "0002_x", text: "ALTER TABLE trail_private.things ALTER a TYPE bigint" },
      ],
    });

    expect(
      await query("SELECT pg_typeof(a)::text AS type FROM (SELECT NULL) x LEFT JOIN trail.seen ON true"),
    ).toEqual([{ type: "bigint" }]);
  });

  test("a view that others built on ours lives on, and is never dropped in silence", async () => {
    await apply(withFunctions("CREATE OR REPLACE VIEW trail.seen AS SELECT a FROM trail_private.things"));
    await query("CREATE VIEW public.theirs AS SELECT a FROM trail.seen");

    await apply(withFunctions("CREATE OR REPLACE VIEW trail.seen AS SELECT a, b FROM trail_private.things"));
    const changed = apply(
      withFunctions("CREATE OR REPLACE VIEW trail.seen AS SELECT b FROM trail_private.things"),
    );

    await expect(changed).rejects.toThrow(
      "This build changes the form of what others built on: theirs (on view trail.seen). Keep their definitions, drop them, migrate, and create them again.",
    );
    expect(await query("SELECT a FROM public.theirs")).toEqual([]);
  });

  test("an older build leaves the views of a newer one alone", async () => {
    await apply(
      withFunctions("CREATE VIEW trail.seen AS SELECT b FROM trail_private.things", { version: "1.10.0" }),
    );

    const { applied } = await apply(
      withFunctions("CREATE VIEW trail.seen AS SELECT a FROM trail_private.things", { version: "1.9.0" }),
    );

    expect(applied).toEqual([]);
  });

  test("the reader reads, and can change nothing or ask for long", async () => {
    await migrate(database.url);
    await makeSlices(database.url);
    await withClient(database.url, async (reader) => {
      await reader.query("SET ROLE trail_reader");

      await reader.query("SELECT count(*) FROM trail.spans");
      await expect(reader.query("DELETE FROM trail_private.spans")).rejects.toMatchObject({ code: "42501" });
      await expect(
        reader.query("INSERT INTO trail_private.services (name) VALUES ('x')"),
      ).rejects.toMatchObject({ code: "42501" });
    });
    expect(
      await query(
        "SELECT unnest(rolconfig) AS setting FROM pg_roles WHERE rolname = 'trail_reader' ORDER BY 1",
      ),
    ).toEqual([{ setting: "default_transaction_read_only=on" }, { setting: "statement_timeout=5s" }]);
  });

  test("the writer writes, finds its slices made, and makes no tables", async () => {
    await migrate(database.url);
    await makeSlices(database.url);
    await withClient(database.url, async (writer) => {
      await writer.query("SET ROLE trail_writer");
      const times = { now: new Date(), sliceMs: DAY_MS, aheadMs: 0, retentionMs: DAY_MS };

      await writer.query("INSERT INTO trail_private.services (name) VALUES ('x')");
      expect(await ensureSlices(writer, times)).toEqual([]);
      await expect(writer.query("DROP TABLE trail_private.ledger")).rejects.toMatchObject({ code: "42501" });
      await expect(ensureSlices(writer, { ...times, aheadMs: 9 * DAY_MS })).rejects.toMatchObject({
        code: "42501",
      });
    });
  });
}
