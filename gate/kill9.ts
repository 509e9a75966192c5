import type { Runnable, RunOptions } from "../dev/contract.ts";
import { runKill9, type Kill9Options, type Kill9Result } from "./support/kill9-run.ts";
import type { Mutant } from "./support/mutant.ts";
import { withServices } from "./support/services.ts";

/** A run that must fail, and why it does. */
export interface MutantRun {
  readonly name: string;
  readonly hasUniqueKey: boolean;
  readonly twiceShare: number;
  readonly mutant?: Mutant;
}

const MOVE = "const { passed, fenced } = await (0, fence_ts_1.moveSourcesOn)(client, fresh.parts);";

/** Each takes away one of the walls against loss and doubling; what is left standing is told beside it. */
export const MUTANTS: readonly MutantRun[] = [
  {
    name: "commit before write",
    hasUniqueKey: true,
    twiceShare: 0,
    mutant: {
      name: "commit before write",
      file: "write/write-once.js",
      edits: [{ find: MOVE, replace: `${MOVE} await client.query("COMMIT"); await client.query("BEGIN");` }],
    },
  },
  {
    name: "commit after write without the fence",
    hasUniqueKey: false,
    twiceShare: 0,
    mutant: {
      name: "commit after write without the fence",
      file: "write/write-once.js",
      edits: [
        { find: MOVE, replace: "const { passed, fenced } = { passed: fresh.parts, fenced: [] };" },
        {
          find: "await commit(client);",
          replace:
            "await commit(client); await new Promise((done) => setTimeout(done, 200)); await (0, fence_ts_1.moveSourcesOn)(client, fresh.parts);",
        },
      ],
    },
  },
  { name: "no unique key", hasUniqueKey: false, twiceShare: 0.02 },
];

/** Nothing lost, doubled or corrupt, and the kills really hit writes. */
export function holds(result: Kill9Result, replaysMin: number): boolean {
  return result.lost === 0 && result.doubled === 0 && result.corrupt === 0 && result.replays >= replaysMin;
}

async function play({ short, progress, table }: RunOptions) {
  const size = short
    ? { spans: 100_000, kills: 5, recordsPerSecond: 40 }
    : { spans: 1_000_000, kills: 20, recordsPerSecond: 40 };
  const small = { spans: 50_000, kills: 4, afterCommitEvery: 2, recordsPerSecond: 40 };
  const rows: Record<string, string | number | boolean>[] = [];
  const playOne = async (
    name: string,
    options: Omit<Kill9Options, "progress">,
    mustHold: boolean,
    replaysMin: number,
  ) => {
    progress(`${name}: ${options.spans} spans, ${options.kills} kills`);
    const result = await runKill9({ ...options, progress });
    const isRight = holds(result, replaysMin) === mustHold;
    rows.push({ run: name, ...result, verdict: isRight ? (mustHold ? "holds" : "seen") : "WRONG" });
    return isRight;
  };
  const verdicts = [
    await playOne(
      "both walls",
      { ...size, hasUniqueKey: true, twiceShare: 0.02 },
      true,
      Math.floor(size.kills * 0.75),
    ),
    await playOne("the fence alone", { ...small, hasUniqueKey: false, twiceShare: 0 }, true, 1),
  ];
  if (!short)
    for (const { name, ...mutant } of MUTANTS)
      verdicts.push(await playOne(`mutant: ${name}`, { ...small, ...mutant }, false, 0));
  table(rows);
  return { passed: verdicts.every(Boolean), figures: { runs: rows } };
}

export const gate: Runnable = {
  name: "kill9",
  summary: "SIGKILL of the indexer in the middle of writes: nothing lost, doubled or corrupt",
  run: (options) => withServices(options.progress, () => play(options)),
};
