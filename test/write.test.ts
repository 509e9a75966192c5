import { badRowsContract } from "./contracts/bad-rows.ts";
import { oddTimesContract } from "./contracts/odd-times.ts";
import { writeContract } from "./contracts/write.ts";
import { databaseUrl } from "./support/services.ts";

// One describe for each contract, as each has a store of its own.
describe("writing", () => {
  writeContract(databaseUrl);
});
describe("names and rows that are refused", () => {
  badRowsContract(databaseUrl);
});
describe("odd times", () => {
  oddTimesContract(databaseUrl);
});
