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

/** Each breaks one rule by which offsets are claimed, and must be seen in its mode. */
const MUTANTS: readonly (Mutant & Pick<OffsetsMode, "strike"> & { readonly mode: string })[] = [
  {
    name: "rank counted over the whole send",
    mode: "acks -1",
    file: "producer/topic-fates.js",
    edits: [{ find: "first + BigInt(this.#ranks[i])", replace: "first + BigInt(i)" }],
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

async function isMutantSeen(
  stage: Stage,
  mutant: (typeof MUTANTS)[number],
  mode: OffsetsMode,
  messages: number,
  note: (row: Record<string, string | number>) => void,
): Promise<boolean> {
  const count = Math.min(MUTANT_MESSAGES_MAX, Math.ceil(messages * mode.share));
  // By the clock, whether a fault hits what the mutant breaks would be luck.
  const struck = mutant.strike === undefined ? mode : { ...mode, strike: mutant.strike };
  const { reasons: _, ...verdict } = await playMode(stage, loadLibrary(mutant), struck, count);
  const isSeen = !holds(mode, verdict);
  note({ run: `mutant: ${mutant.name}`, ...verdict, verdict: isSeen ? "seen" : "MISSED" });
  return isSeen;
}

async function run({ short, args, progress, table }: RunOptions) {
  const messages = Number(args["messages"] ?? (short ? 6_000 : 140_000));
  // One send at a time waits out each of kafkajs's retries: too long for the short form.
  const modes = [...FAULTLESS_MODES, ...FAULTY_MODES].filter(
    ({ name, lanes }) => name.includes(args["only"] ?? "") && !(short && lanes === 1),
  );
  const cluster = await startKafkaCluster({ brokers: 3, onProgress: progress });
  const proxy = await FaultyProxy.start(cluster);
  const rows: Record<string, string | number | boolean>[] = [];
  const totals = { messages: 0, right: 0, wrong: 0 };
  let passed = true;
  let claimedUnderFaults = 0;
  try {
    for (const mode of modes) {
      progress(mode.name);
      const { faults, reasons, ...verdict } = await playMode(
        { cluster, proxy },
        loadLibrary(),
        mode,
        Math.ceil(messages * mode.share),
      );
      const isHeld = holds(mode, verdict) && (mode.isFaulty !== true || faults > 0);
      rows.push({ run: mode.name, ...verdict, faults, verdict: isHeld ? "holds" : "WRONG" });
      for (const [reason, count] of Object.entries(reasons)) progress(`${count} sends rejected: ${reason}`);
      totals.messages += verdict.logged;
      totals.right += verdict.right;
      totals.wrong += verdict.wrong + verdict.wrongPartition;
      if (mode.isFaulty === true) claimedUnderFaults += verdict.right + verdict.uncertain;
      passed &&= isHeld;
    }
    // Faults may hit all of one mode's sends, so that nothing can be known there; not everywhere.
    if (modes.some(({ isFaulty }) => isFaulty)) passed &&= claimedUnderFaults > 0;
    for (const mutant of MUTANTS) {
      const mode = modes.find(({ name }) => name === mutant.mode);
      if (mode === undefined) continue;
      const isSeen = await isMutantSeen({ cluster, proxy }, mutant, mode, messages, (row) => rows.push(row));
      progress(`mutant: ${mutant.name}: ${isSeen ? "seen" : "MISSED"}`);
      passed &&= isSeen;
    }
  } finally {
    await proxy.stop();
    await cluster.stop();
  }
  table(rows);
  return { passed, figures: { ...totals, claimedUnderFaults, runs: rows } };
}

export const gate: Runnable = {
  name: "offsets",
  summary: "every coordinate that a producer's span claims, against what a consumer read; under faults too",
  run,
};
