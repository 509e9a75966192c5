import type { Mutant } from "./mutant.ts";

const FILE = "write/write-once.js";
const MOVE = "const { passed, fenced } = await (0, fence_ts_1.moveSourcesOn)(client, fresh.parts);";

/** The source's offset is committed before its rows are written: who dies in between has lost them. */
export const COMMIT_BEFORE_WRITE: Mutant = {
  name: "commit before write",
  file: FILE,
  edits: [{ find: MOVE, replace: `${MOVE} await client.query("COMMIT"); await client.query("BEGIN");` }],
};

/** The rows are committed before the source's offset moves: who dies in between writes them again. */
export const COMMIT_WITHOUT_FENCE: Mutant = {
  name: "commit after write without the fence",
  file: FILE,
  edits: [
    { find: MOVE, replace: "const { passed, fenced } = { passed: fresh.parts, fenced: [] };" },
    {
      find: "await commit(client);",
      replace:
        "await commit(client); await new Promise((done) => setTimeout(done, 200)); await (0, fence_ts_1.moveSourcesOn)(client, fresh.parts);",
    },
  ],
};

/** Nothing ever waits for Postgres: what it does not take lies in memory. */
export const ENDLESS_BUFFER: Mutant = {
  name: "a buffer that is never full",
  file: "ingest/budget.js",
  edits: [{ find: "return this.#bytes === 0 || this.#bytes < this.#bytesMax;", replace: "return true;" }],
};
