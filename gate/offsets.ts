import { Kafka, logLevel } from "kafkajs";
import type { Runnable, RunOptions } from "../dev/contract.ts";
import { type KafkaCluster, startKafkaCluster } from "../dev/kafka.ts";
import { FaultyProxy } from "./support/faulty-proxy.ts";
import { loadLibrary, type Library } from "./support/library.ts";
import type { Mutant } from "./support/mutant.ts";
import { sendMessages, WARM_UP, type OffsetsLoad } from "./support/offsets-load.ts";
import { FAULTLESS_MODES, FAULTY_MODES, type OffsetsMode } from "./support/offsets-modes.ts";
import { judgeOffsets, type OffsetsVerdict } from "./support/offsets-verdict.ts";
import { type LogEntry, readLog } from "./support/read-log.ts";
import { createPlacedTopics } from "./support/topics.ts";
import { onlyNamed } from "./support/trials.ts";

/** Each breaks one rule by which offsets are claimed, and must be seen in its mode. */
export const MUTANTS: readonly (Mutant & Pick<OffsetsMode, "strike"> & { readonly mode: string })[] = [
  {
    name: "rank counted over the whole send",
    mode: "acks -1",
    file: "producer/topic-fates.js",
    edits: [{ find: "first + BigInt(this.#ranks[i])", replace: "first + BigInt(i)" }],
  },
  {
    name: "one message claimed one further",
    mode: "acks -1",
    file: "producer/one-acknowledged.js",
    edits: [{ find: "partition, messageOffset);", replace: "partition, messageOffset + 1n);" }],
  },
  {
    name: "parts of one topic ranked apart",
    mode: "acks -1",
    file: "producer/acknowledgement.js",
    edits: [{ find: "const known = topics.get(name);", replace: "const known = undefined;" }],
  },
  {
    name: "offsets claimed after a retry that moved messages",
    mode: "faults",
    strike: "every fifth",
    file: "producer/topic-fates.js",
    edits: [
      { find: "this.#disturbed = this.#findDisturbed();", replace: "" },
      { find: "if (placement?.earlier !== undefined) {", replace: "if (false) {" },
    ],
  },
  {
    name: "idempotent offsets believed",
    mode: "faults, idempotent, cured",
    strike: "first of two",
    file: "producer/producer-trail.js",
    edits: [{ find: "isOneBatchPerPartition && isIdempotent", replace: "false" }],
  },
];

const REPLICAS = [1, 2, 3, 1, 2, 3].map((broker) => [broker]);

const MUTANT_MESSAGES_MAX = 5_000;
/** Modes without faults at once, in the short form. */
const AT_ONCE = 4;

/** Where a gate's messages go, and what stands in their way. */
interface Stage {
  readonly cluster: KafkaCluster;
  readonly proxy: FaultyProxy;
}

async function playMode(
  { cluster, proxy }: Stage,
  library: Library,
  mode: OffsetsMode,
  messageCount: number,
): Promise<Omit<OffsetsLoad, "spans"> & OffsetsVerdict> {
  const kafka = new Kafka({ brokers: cluster.brokers, logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const placed = ["a", "b"].map((prefix) => ({ prefix: `offsets-${prefix}`, replicas: REPLICAS }));
  const topics = (await createPlacedTopics(admin, placed)) as [string, string];
  const { spans, ...load } = await sendMessages({
    library,
    mode,
    messageCount,
    topics,
    brokers: cluster.brokers,
    proxy,
  });
  const log = new Map<string, LogEntry>();
  const at = ({ topic, partition, message }: LogEntry) => `${topic}/${partition}/${message.offset}`;
  await readLog(kafka, topics, (entry) => {
    if (String(entry.message.value) !== WARM_UP) log.set(at(entry), entry);
  });
  const visible = new Set<string>();
  if (mode.isTransactional === true) {
    await readLog(kafka, topics, (entry) => visible.add(at(entry)), { isCommittedOnly: true });
  }
  await admin.deleteTopics({ topics });
  await admin.disconnect();
  return { ...load, ...judgeOffsets(spans.ended, log, visible) };
}

/** Without faults everything must be known; acks 0 knows partitions alone; with faults nothing may be wrong. */
function holds(mode: OffsetsMode, verdict: OffsetsVerdict): boolean {
  if (verdict.wrong > 0 || verdict.wrongPartition > 0) return false;
  if (mode.acks === 0) return verdict.right === 0 && verdict.unknown > 0;
  return mode.isFaulty === true || (verdict.missing === 0 && verdict.uncertain === 0);
}

/** One mode, with the library or with a mutant of it. */
interface Play {
  readonly mode: OffsetsMode;
  readonly mutant?: Mutant;
  readonly messages: number;
}

interface Played {
  readonly verdict: OffsetsVerdict;
  readonly row: Record<string, string | number>;
  readonly isRight: boolean;
}

async function playOnce(stage: Stage, play: Play, progress: (line: string) => void): Promise<Played> {
  const { mode, mutant } = play;
  const { faults, reasons, ...verdict } = await playMode(
    stage,
    loadLibrary(mutant),
    mode,
    Math.ceil(play.messages),
  );
  if (mutant !== undefined) {
    const isSeen = !holds(mode, verdict);
    progress(`mutant: ${mutant.name}: ${isSeen ? "seen" : "MISSED"}`);
    const row = { run: `mutant: ${mutant.name}`, ...verdict, faults, verdict: isSeen ? "seen" : "MISSED" };
    return { verdict, row, isRight: isSeen };
  }
  const isHeld = holds(mode, verdict) && (mode.isFaulty !== true || faults > 0);
  progress(`${mode.name}: ${isHeld ? "holds" : "WRONG"}`);
  for (const [reason, count] of Object.entries(reasons)) progress(`${count} sends rejected: ${reason}`);
  const row = { run: mode.name, ...verdict, faults, verdict: isHeld ? "holds" : "WRONG" };
  return { verdict, row, isRight: isHeld };
}

async function run({ short, args, progress, table }: RunOptions) {
  const messages = Number(args["messages"] ?? (short ? 6_000 : 140_000));
  // One send at a time waits out each of kafkajs's retries: too long for the short form.
  const all = [...FAULTLESS_MODES, ...FAULTY_MODES].filter(({ lanes }) => !(short && lanes === 1));
  const modes = onlyNamed(all, args["only"]);
  const cluster = await startKafkaCluster({ brokers: 3, isShortLived: short, onProgress: progress });
  const proxy = await FaultyProxy.start(cluster);
  const stage = { cluster, proxy };
  const plays: readonly Play[] = [
    ...modes.map((mode) => ({ mode, messages: Math.ceil(messages * mode.share) })),
    ...MUTANTS.flatMap((mutant) => {
      const mode = modes.find(({ name }) => name === mutant.mode);
      if (mode === undefined) return [];
      // By the clock, whether a fault hits what the mutant breaks would be luck.
      const struck = mutant.strike === undefined ? mode : { ...mode, strike: mutant.strike };
      return [{ mode: struck, mutant, messages: Math.min(MUTANT_MESSAGES_MAX, messages * mode.share) }];
    }),
  ];
  const played = new Map<Play, Played>();
  const playAll = async (those: readonly Play[], atOnce: number) => {
    const waiting = [...those];
    const next = async () => {
      for (let it = waiting.shift(); it !== undefined; it = waiting.shift()) {
        played.set(it, await playOnce(stage, it, progress));
      }
    };
    await Promise.all(Array.from({ length: atOnce }, next));
  };
  try {
    // The proxy's faults are one mode's at a time. Where nothing fails modes cannot disturb each other.
    const isProxied = ({ mode }: Play) => mode.isFaulty === true;
    await playAll(
      plays.filter((it) => !isProxied(it)),
      short ? AT_ONCE : 1,
    );
    await playAll(plays.filter(isProxied), 1);
  } finally {
    await proxy.stop();
    await cluster.stop();
  }
  return sumUp(
    plays.map((play) => ({ play, ...played.get(play)! })),
    table,
  );
}

function sumUp(played: readonly ({ play: Play } & Played)[], table: RunOptions["table"]) {
  const totals = { messages: 0, right: 0, wrong: 0 };
  const faulty = played.filter(({ play }) => play.mutant === undefined && play.mode.isFaulty === true);
  const claimedUnderFaults = faulty.reduce((sum, { verdict }) => sum + verdict.right + verdict.uncertain, 0);
  for (const { play, verdict } of played) {
    if (play.mutant !== undefined) continue;
    totals.messages += verdict.logged;
    totals.right += verdict.right;
    totals.wrong += verdict.wrong + verdict.wrongPartition;
  }
  const rows = played.map(({ row }) => row);
  table(rows);
  // Faults may hit all of one mode's sends, so that nothing can be known there; not everywhere.
  const isClaimed = faulty.length === 0 || claimedUnderFaults > 0;
  const passed = isClaimed && played.every(({ isRight }) => isRight);
  return { passed, figures: { ...totals, claimedUnderFaults, runs: rows } };
}

export const gate: Runnable = {
  name: "offsets",
  summary: "every coordinate that a producer's span claims, against what a consumer read; under faults too",
  options: { messages: "count", only: "text" },
  run,
};
