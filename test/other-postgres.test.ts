import { Client } from "pg";
import { type OwnPostgres, FAST_SETTINGS, startOwnPostgres } from "../dev/postgres.ts";
import { badRowsContract } from "./contracts/bad-rows.ts";
import { doorsContract } from "./contracts/doors.ts";
import { historiesContract } from "./contracts/histories.ts";
import { ledgerContract } from "./contracts/ledger.ts";
import { oddTimesContract } from "./contracts/odd-times.ts";
import { schemaContract } from "./contracts/schema.ts";
import { sharedAttributesContract } from "./contracts/shared-attributes.ts";
import { slicesContract } from "./contracts/slices.ts";
import { writeContract } from "./contracts/write.ts";
import { databaseUrl } from "./support/services.ts";

// The run's own Postgres is one end of what is supported and sorts by bytes; here the same claims meet the other end, and a
// server that sorts as people do, as most are.
let postgres: OwnPostgres | undefined;
beforeAll(async () => {
  const client = new Client({ connectionString: databaseUrl() });
  await client.connect();
  const { rows } = await client.query<{ major: number }>(
    "SELECT current_setting('server_version_num')::int / 10000 AS major",
  );
  await client.end();
  const version = rows[0]?.major === 15 ? 18 : 15;
  const settings = { ...FAST_SETTINGS, max_connections: "100" };
  postgres = await startOwnPostgres({ version, settings, icuLocale: "en-US" });
});
afterAll(() => postgres?.stop());

const server = (): string | undefined => postgres?.url;

describe("schema", () => {
  schemaContract(server);
});
describe("slices", () => {
  slicesContract(server);
});
describe("writing", () => {
  writeContract(server);
});
describe("names and rows that are refused", () => {
  badRowsContract(server);
});
describe("odd times", () => {
  oddTimesContract(server);
});
describe("shared attributes", () => {
  sharedAttributesContract(server);
});
describe("every door", () => {
  doorsContract(server);
});
describe("verdicts", () => {
  historiesContract(server);
});
describe("ledger", () => {
  ledgerContract(server);
});
