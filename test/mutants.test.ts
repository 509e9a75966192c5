import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { repositoryRoot } from "../dev/root.ts";
import * as bombs from "../gate/bombs.ts";
import * as kill9 from "../gate/kill9.ts";
import * as offsets from "../gate/offsets.ts";
import * as poison from "../gate/poison.ts";
import * as rebalance from "../gate/rebalance.ts";
import * as recreated from "../gate/recreated.ts";
import * as silentLoss from "../gate/silent-loss.ts";
import * as writing from "../gate/support/write-mutants.ts";

// The gates that play these take minutes, and only they would tell that the code which a mutant breaks was rewritten.

const store = [
  ...Object.values(writing),
  ...kill9.MUTANTS.flatMap(({ mutant }) => mutant ?? []),
  ...rebalance.MUTANTS,
  ...recreated.MUTANTS,
  ...[...poison.MUTANTS, ...bombs.MUTANTS].map(({ mutant }) => mutant),
].map((mutant) => ({ ...mutant, dist: join("trace-store", "dist") }));
const library = [...offsets.MUTANTS, ...silentLoss.MUTANTS].map((mutant) => ({ ...mutant, dist: "dist" }));

test.each([...store, ...library])("what it breaks is there: $name", ({ dist, file, edits }) => {
  let built = readFileSync(join(repositoryRoot(), dist, file), "utf8");

  const times: [string, number][] = [];
  for (const { find, replace } of edits) {
    times.push([find, built.split(find).length - 1]);
    built = built.replace(find, () => replace);
  }

  expect(times).toEqual(edits.map(({ find }) => [find, 1]));
});
