import { MUTANTS } from "../gate/kill9.ts";
import { runKill9, type Kill9Options } from "../gate/support/kill9-run.ts";

// The short form of `npm run gate -- kill9`, and the proof that it sees what it is there for.

const quiet = { progress: () => undefined };
const play = (options: Omit<Kill9Options, "progress" | "recordsPerSecond">) =>
  runKill9({ recordsPerSecond: 60, ...options, ...quiet });

test("100,000 spans are stored once each, though indexers are killed five times in the middle of writes", async () => {
  const result = await play({ spans: 100_000, kills: 5, hasUniqueKey: true, twiceShare: 0.02 });

  expect(result).toMatchObject({ lost: 0, doubled: 0, corrupt: 0, kills: 5 });
  expect(result.replays).toBeGreaterThanOrEqual(3);
}, 240_000);

test.each(MUTANTS.map(({ name, ...run }) => [name, run] as const))(
  "a store with this fault is found out: %s",
  async (_name, { harm, ...run }) => {
    const result = await play({ spans: 10_000, kills: 1, ...run });

    expect(result[harm]).toBeGreaterThan(0);
  },
  240_000,
);

test("the same kills do a whole store no harm", async () => {
  const moments = MUTANTS.flatMap((run) => run.moments ?? []);
  const result = await play({ spans: 10_000, kills: moments.length, moments, hasUniqueKey: false });

  expect(result).toMatchObject({ lost: 0, doubled: 0, corrupt: 0 });
}, 240_000);
