import { type CitusCluster, startCitus, whyNoCitus } from "../dev/citus.ts";
import { badRowsContract } from "./contracts/bad-rows.ts";
import { citusContract } from "./contracts/citus.ts";
import { doorsContract } from "./contracts/doors.ts";
import { historiesContract } from "./contracts/histories.ts";
import { ledgerContract } from "./contracts/ledger.ts";
import { oddTimesContract } from "./contracts/odd-times.ts";
import { ownClusterContract } from "./contracts/own-cluster.ts";
import { sameAnswersContract } from "./contracts/same-answers.ts";
import { sharedAttributesContract } from "./contracts/shared-attributes.ts";
import { slicesContract } from "./contracts/slices.ts";
import { writeContract } from "./contracts/write.ts";
import { citusDatabases } from "./support/citus.ts";
import type { DatabaseMaker } from "./support/database.ts";

// Each statement asks several servers: on a machine under full load that takes its time.
jest.setTimeout(180_000);
/** The first start on a machine builds the extension. */
const START_TIMEOUT_MS = 16 * 60_000;

const missing = whyNoCitus();
const whereThereIsCitus = missing === undefined ? describe : describe.skip;
// A cluster that was given is not ours to break.
const whereWorkersAreOurs = process.env["CITUS_URL"] ? describe.skip : describe;

// One file for all of it: a cluster has one database, so one test at a time.
whereThereIsCitus(missing === undefined ? "on a Citus cluster" : `on a Citus cluster (${missing})`, () => {
  let cluster: CitusCluster;
  let databases: DatabaseMaker;
  beforeAll(async () => {
    cluster = await startCitus((line) => void process.stderr.write(`${line}\n`));
    databases = await citusDatabases(cluster.url);
  }, START_TIMEOUT_MS);
  afterAll(() => cluster?.stop());

  const server = () => databases;

  describe("migrate --citus", () => {
    citusContract(server);
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
  describe("ledger", () => {
    ledgerContract(server);
  });
  describe("shared attributes", () => {
    sharedAttributesContract(server);
  });
  describe("slices", () => {
    slicesContract(server, { canDetachConcurrently: false });
  });
  describe("every door", () => {
    doorsContract(server);
  });
  describe("verdicts", () => {
    historiesContract(server);
  });
  describe("docs/SQL.md", () => {
    sameAnswersContract(server);
  });
  whereWorkersAreOurs("workers of our own", () => {
    ownClusterContract(() => cluster, server);
  });
});
