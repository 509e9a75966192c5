import { isDeepStrictEqual } from "node:util";
import { diag } from "@opentelemetry/api";
import fc from "fast-check";
import { traceKafka } from "kafka-trail";
import type { Kafka } from "kafkajs";
import type { Runnable } from "../dev/contract.ts";
import { FakeKafka } from "../test/support/fake-kafka.ts";
import { brokenBy } from "./support/noharm/hostile-tracing.ts";
import { refusals } from "./support/noharm/inputs.ts";
import { harm, MUTANTS } from "./support/noharm/mutants.ts";
import { World } from "./support/noharm/play.ts";
import { scenarios, type Scenario } from "./support/noharm/scenario.ts";

/** What a run of many cases found. */
export interface NoharmResult {
  readonly cases: number;
  /** The first case in which the traced app could notice something, made small; `undefined` when there is none. */
  readonly harm: string | undefined;
}

export interface NoharmOptions {
  readonly cases: number;
  readonly seed: number;
  /** Harms the traced client on purpose. */
  readonly mutant?: string;
  readonly progress?: (cases: number) => void;
}

const PROGRESS_EVERY = 10_000;
/** The lives that mutants are shown are the same in every run: whether one is seen must not depend on luck. */
const MUTANT_SEED = 20_260_101;

/**
 * Lives generated lives of an app twice, with an untraced and a traced client of equal fake brokers, and demands that
 * the app could not tell them apart: results, errors, promises, order, inputs, and what the broker was given.
 */
export async function findHarm({ cases, seed, mutant, progress }: NoharmOptions): Promise<NoharmResult> {
  let run = 0;
  const property = fc.asyncProperty(scenarios, async (scenario) => {
    if (++run % PROGRESS_EVERY === 0) progress?.(run);
    const untraced = await live(scenario, (kafka) => kafka);
    const traced = await live(scenario, (kafka) => {
      const wrapped = traceKafka(kafka, brokenBy(scenario.hostility));
      return mutant === undefined ? wrapped : harm(wrapped, MUTANTS[mutant] ?? ((send) => send));
    });
    demandEqual(untraced, traced);
  });
  const found = await fc.check(property, { numRuns: cases, seed, endOnFailure: mutant !== undefined });
  if (!found.failed) return { cases: found.numRuns, harm: undefined };
  const { counterexample, errorInstance } = found;
  return { cases: found.numRuns, harm: `${String(errorInstance)}\n${fc.stringify(counterexample)}` };
}

async function live(scenario: Scenario, trace: (kafka: Kafka) => Kafka): Promise<World> {
  const fake = new FakeKafka();
  const world = new World(fake, trace(fake.client), scenario.isIdempotent);
  const refusedBefore = refusals.count;
  await world.live(scenario);
  world.seen.push(["changes refused", refusals.count - refusedBefore]);
  return world;
}

function demandEqual(untraced: World, traced: World): void {
  for (let i = 0; i < Math.max(untraced.seen.length, traced.seen.length); i++) {
    if (isDeepStrictEqual(untraced.seen[i], traced.seen[i])) continue;
    const [expected, seen] = [untraced.seen[i], traced.seen[i]].map((it) => fc.stringify(it));
    throw new Error(`untraced: ${expected}\n  traced: ${seen}`);
  }
}

export const gate: Runnable = {
  name: "noharm",
  summary: "100,000 generated lives of an app, traced and untraced: it cannot tell them apart",
  options: { cases: "count", seed: "seed" },
  async run({ short, args, progress, table }) {
    const cases = Number(args["cases"] ?? (short ? 10_000 : 100_000));
    const seed = Number(args["seed"] ?? Date.now() % 2 ** 31);
    diag.disable();
    progress(`seed ${seed}`);
    const found = await findHarm({ cases, seed, progress: (run) => progress(`${run} of ${cases} cases`) });
    if (found.harm !== undefined) progress(found.harm);
    const mutants: Record<string, boolean> = {};
    for (const mutant of Object.keys(MUTANTS)) {
      mutants[mutant] = (await findHarm({ cases: 2_000, seed: MUTANT_SEED, mutant })).harm !== undefined;
    }
    table([
      { client: "traced", cases: found.cases, verdict: found.harm === undefined ? "no harm" : "HARM" },
      ...Object.entries(mutants).map(([client, isSeen]) => ({
        client: `mutant: ${client}`,
        cases: 2_000,
        verdict: isSeen ? "harm seen" : "NOT SEEN",
      })),
    ]);
    const mutantsSeen = Object.values(mutants).filter(Boolean).length;
    return {
      passed: found.harm === undefined && mutantsSeen === Object.keys(MUTANTS).length,
      figures: { cases: found.cases, seed, harmed: found.harm === undefined ? 0 : 1, mutantsSeen },
    };
  },
};
