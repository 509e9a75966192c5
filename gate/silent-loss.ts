import { setTimeout as pause } from "node:timers/promises";
import { type Admin, Kafka, logLevel } from "kafkajs";
import type { Runnable, RunOptions } from "../dev/contract.ts";
import { type KafkaCluster, startKafkaCluster } from "../dev/kafka.ts";
import { waitUntil } from "../dev/wait.ts";
import { loadLibrary, type Library } from "./support/library.ts";
import { LossClient } from "./support/loss-client.ts";
import { nameOf, RESTART_LANES, TRIAL_LANES, type LossLane } from "./support/loss-lanes.ts";
import { judgeLoss, type LossVerdict, readStored } from "./support/loss-verdict.ts";
import type { Mutant } from "./support/mutant.ts";
import { createPlacedTopics } from "./support/topics.ts";

/** Each takes away one half of the report or of the cure, and must be seen in a lane. */
export const MUTANTS: readonly (Mutant & { readonly lanes: readonly LossLane[] })[] = [
  {
    name: "no pinning",
    lanes: [{ addressing: "null key", mode: "cured" }],
    file: "producer/partitioner.js",
    edits: [{ find: "if (isPinned && placement.partition !== undefined)", replace: "if (false)" }],
  },
  {
    name: "no completeness check",
    lanes: [
      { addressing: "keyed", mode: "watching" },
      { addressing: "keyed", mode: "cured" },
    ],
    file: "producer/topic-fates.js",
    edits: [{ find: "if (this.#answers.has(this.#partitionOf(i)))", replace: "" }],
  },
  {
    name: "nothing sent again",
    lanes: [{ addressing: "keyed", mode: "cured" }],
    file: "producer/resend.js",
    edits: [{ find: "acknowledgement.unacknowledged > 0;", replace: "false;" }],
  },
];

/**
 * One more than a multiple of the six partitions: on a retry the round robin then hands the moved partition's messages to
 * the next one, whose broker has answered and is not asked again. With 500 every other move would lose nothing.
 */
const MESSAGES_PER_SEND = 499;
const MOVED_PARTITION = 1;
const MUTANT_TRIALS = 2;
const TRIAL_REPLICAS = [1, 2, 3, 1, 2, 3].map((broker) => [broker]);
const RESTART_REPLICAS = [1, 2, 3, 1, 2, 3].map((broker) => [0, 1, 2].map((i) => 1 + ((broker - 1 + i) % 3)));
/** A broker that was told of its new leadership by the controller takes a moment to act on it. */
const SETTLE_MS = 200;

interface Stage {
  readonly cluster: KafkaCluster;
  readonly kafka: Kafka;
  readonly admin: Admin;
}

/** A lane, and the library that its client is traced with. */
interface Play {
  readonly lane: LossLane;
  readonly library: Library;
}

const playsOf = (lanes: readonly LossLane[], library: Library): Play[] =>
  lanes.map((lane) => ({ lane, library }));

async function openClients(
  { cluster, admin }: Stage,
  plays: readonly Play[],
  replicas: readonly number[][],
): Promise<LossClient[]> {
  const topics = await createPlacedTopics(
    admin,
    plays.map(({ lane }) => ({ prefix: `loss-${nameOf(lane).replaceAll(/\W+/g, "-")}`, replicas })),
  );
  const clients = plays.map(
    ({ lane, library }, i) => new LossClient(lane, topics[i] ?? "", cluster.brokers, library),
  );
  await Promise.all(clients.map((client) => client.connect()));
  return clients;
}

async function judge({ kafka }: Stage, clients: readonly LossClient[]): Promise<LossVerdict[]> {
  await Promise.all(clients.map((client) => client.disconnect()));
  const stored = await readStored(kafka, clients);
  return clients.map((client) => judgeLoss(stored, client));
}

/** Moves one partition of every lane's topic to a broker that answers in the same send, then sends once in every lane. */
async function playTrials(stage: Stage, plays: readonly Play[], trials: number) {
  const clients = await openClients(stage, plays, TRIAL_REPLICAS);
  const topics = clients.map(({ topic }) => topic);
  for (let trial = 0; trial < trials; trial++) {
    await moveLeader(stage.admin, topics, trial % 2 === 0 ? 1 : 2);
    await Promise.all(clients.map((client) => client.send(trial, MESSAGES_PER_SEND)));
  }
  return judge(stage, clients);
}

async function moveLeader(admin: Admin, topics: readonly string[], broker: number): Promise<void> {
  const partitionAssignment = [{ partition: MOVED_PARTITION, replicas: [broker] }];
  await admin.alterPartitionReassignments({
    topics: topics.map((topic) => ({ topic, partitionAssignment })),
  });
  const hasMoved = async () => {
    const { topics: found } = await admin.fetchTopicMetadata({ topics: [...topics] });
    return found.every(({ partitions }) =>
      partitions.some(({ partitionId, leader }) => partitionId === MOVED_PARTITION && leader === broker),
    );
  };
  await waitUntil(`The move of ${topics.length} leaders`, hasMoved, { timeoutMs: 60_000 });
  await pause(SETTLE_MS);
}

/** Stops and starts one broker after the other, as an upgrade does, while every lane sends. */
async function playRestart(stage: Stage, nodes: readonly number[], progress: (line: string) => void) {
  const clients = await openClients(stage, playsOf(RESTART_LANES, loadLibrary()), RESTART_REPLICAS);
  let isOver = false;
  const sending = clients.map(async (client) => {
    for (let send = 0; !isOver; send++) {
      await client.send(send, 100);
      await pause(50);
    }
  });
  for (const nodeId of nodes) {
    progress(`restarting broker ${nodeId}`);
    await pause(1_000);
    await stage.cluster.stopNode(nodeId);
    await stage.cluster.startNode(nodeId);
    await pause(2_000);
  }
  isOver = true;
  await Promise.all(sending);
  return judge(stage, clients);
}

/** What a lane must show, whatever happened to the cluster. */
function holds(lane: LossLane, verdict: LossVerdict): boolean {
  const { sendsThatLost, lost, doubled, unreported, falselyReported, misnamed, resentAstray } = verdict;
  if (lane.mode === "without us") return true;
  if (lane.mode === "watching") {
    // A null-key send that was retried may have lost; that it did not, nobody can know.
    const isExact = lane.addressing === "null key" || falselyReported === 0;
    return unreported === 0 && isExact && misnamed === 0;
  }
  const isOnceOnly = lane.isIdempotent === true || lane.isTransactional === true;
  return sendsThatLost === 0 && lost === 0 && resentAstray === 0 && (!isOnceOnly || doubled === 0);
}

/** In a trial the fault is certain, so that every lane must also have met it. */
function hasMetFault({ mode, isTransactional }: LossLane, verdict: LossVerdict): boolean {
  const { resolved, sendsThatLost, reported, rejected, resent } = verdict;
  if (mode === "without us") return resolved > 0 && sendsThatLost === resolved;
  if (mode === "watching") return resolved > 0 && sendsThatLost === resolved && reported === resolved;
  return isTransactional === true ? rejected === resolved : resent > 0;
}

async function run({ short, args, progress, table }: RunOptions) {
  const trials = Number(args["trials"] ?? (short ? 2 : 20));
  const cluster = await startKafkaCluster({ brokers: 3, isShortLived: short, onProgress: progress });
  const kafka = new Kafka({ brokers: cluster.brokers, logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  const rows: Record<string, string | number>[] = [];
  let passed = true;
  const note = (
    verdicts: readonly LossVerdict[],
    isRight: (verdict: LossVerdict, i: number) => boolean,
    words: [string, string],
  ) => {
    for (const [i, verdict] of verdicts.entries()) {
      const isHeld = isRight(verdict, i);
      rows.push({ ...verdict, verdict: isHeld ? words[0] : words[1] });
      passed &&= isHeld;
    }
  };
  try {
    await admin.connect();
    const stage = { cluster, kafka, admin };
    progress(`${trials} moves of a leader, ${TRIAL_LANES.length} ways to send`);
    const isRight = (verdict: LossVerdict, i: number) =>
      holds(TRIAL_LANES[i]!, verdict) && hasMetFault(TRIAL_LANES[i]!, verdict);
    const mutants = MUTANTS.flatMap((mutant) =>
      playsOf(mutant.lanes, loadLibrary(mutant)).map((play) => ({ ...play, name: mutant.name })),
    );
    progress(`${MUTANTS.length} mutants beside them`);
    // Beside them, each on a topic of its own: the moves and the waits for kafkajs's retry are half of a trial's time.
    const [verdicts, played] = await Promise.all([
      playTrials(stage, playsOf(TRIAL_LANES, loadLibrary()), trials),
      playTrials(stage, mutants, MUTANT_TRIALS),
    ]);
    note(verdicts, isRight, ["holds", "WRONG"]);
    const mutated = played.map((verdict, i) => ({
      ...verdict,
      run: `mutant, ${mutants[i]!.name}: ${verdict.run}`,
    }));
    note(mutated, (verdict, i) => !holds(mutants[i]!.lane, verdict), ["seen", "MISSED"]);
    if (!short) {
      const restarted = await playRestart(stage, [2, 3, 1], progress);
      const named = restarted.map((verdict) => ({ ...verdict, run: `restart, ${verdict.run}` }));
      note(named, (verdict, i) => holds(RESTART_LANES[i]!, verdict), ["holds", "WRONG"]);
    }
  } finally {
    await admin.disconnect();
    await cluster.stop();
  }
  table(rows);
  return { passed, figures: { trials, runs: rows } };
}

export const gate: Runnable = {
  name: "silent-loss",
  summary: "what kafkajs loses when a leader moves during a send: seen in every case, and cured on request",
  options: { trials: "count" },
  run,
};
