import { assertDoorIsGuarded, createAdmission } from "./admission.ts";
import type { Config, DoorConfig } from "./config.ts";
import { ByteBudget } from "./ingest/budget.ts";
import type { Intake } from "./ingest/intake.ts";
import { KafkaSource, type Source } from "./ingest/kafka-source.ts";
import type { OtlpDoorOptions } from "./ingest/otlp-door.ts";
import { openOtlpGrpc } from "./ingest/otlp-grpc.ts";
import { openOtlpHttp } from "./ingest/otlp-http.ts";
import { ensureSpanTopic } from "./ingest/span-topic.ts";
import { createKafka } from "./kafka/client.ts";
import type { Log } from "./log.ts";
import { withClient } from "./postgres-client.ts";
import { Lane, partSpansMax } from "./write/lane.ts";
import { describeGaps, resumeOffsets } from "./write/source-offsets.ts";
import type { WriteBatch } from "./write/batch.ts";
import { createWriter, type Writer } from "./write/writer.ts";

/** The running way from the sources into Postgres. */
export interface Indexer {
  readonly writer: Writer;
  readonly budget: ByteBudget;
  /** Why spans do not come in, in words; empty while all is well. */
  problems(): string[];
  /** Takes no more in, lets what is in hand be written for seven seconds at most, and closes. */
  stop(): Promise<void>;
}

const DAY_MS = 86_400_000;
const CONNECTIONS = 2;
/** One batch is sorted and encoded while the one before it is in Postgres. */
const LANES = CONNECTIONS * 2;
/** Less than the whole store has: see running.ts. */
const WRITE_WITHIN_MS = 7_000;

/** Starts every source of spans that the configuration names, and the writer behind them. */
export async function startIndexer(config: Config & { databaseUrl: string }, log: Log): Promise<Indexer> {
  const writer = createWriter({
    databaseUrl: config.databaseUrl,
    retentionMs: config.retentionDays * DAY_MS,
    connections: CONNECTIONS,
    onProblem: (sentence) =>
      sentence === undefined ? log.info("Postgres takes writes again") : log.error(sentence),
  });
  const budget = new ByteBudget(config.bufferBytesMax);
  const intake = createIntake(config, writer, log);
  const sources: Source[] = [];
  const stop = async (): Promise<void> => {
    // Sources wait for what they have handed over, and the writer gives that up after its grace: so both at once.
    await Promise.all([...sources.map((source) => source.stop()), writer.close(WRITE_WITHIN_MS)]);
  };
  try {
    sources.push(await openOtlpGrpc(doorOptions("otlp_grpc", config.otlpGrpc, config, intake, budget)));
    sources.push(await openOtlpHttp(doorOptions("otlp_http", config.otlpHttp, config, intake, budget)));
    if (config.kafka !== undefined) sources.push(startKafkaSource(config, intake, budget, log));
  } catch (error) {
    await stop();
    throw error;
  }
  const problems = () =>
    [writer.problem, ...sources.map((source) => source.problem())].filter((it) => it !== undefined);
  return { writer, budget, problems, stop };
}

/** Puts the write side behind the sources: parts go to the lane of their partition, OTLP's to either. */
function createIntake(config: Config & { databaseUrl: string }, writer: Writer, log: Log): Intake {
  const write = (batch: WriteBatch) => writer.write(batch);
  const lanes = Array.from({ length: LANES }, () => new Lane({ rowsMax: config.batchSpansMax, write }));
  let turn = 0;
  return {
    submit: (part) => (lanes[(part.advance?.partition ?? turn++) % LANES] as Lane).submit(part),
    async resume(identity, look) {
      const { positions, gaps } = await withClient(config.databaseUrl, "kafka-trail resume", (client) =>
        resumeOffsets(client, identity, look),
      );
      const sentence = describeGaps(identity.topic, gaps);
      if (sentence !== undefined) log.error(sentence);
      return new Map(positions);
    },
  };
}

function doorOptions(
  name: "otlp_grpc" | "otlp_http",
  { host, port }: DoorConfig,
  config: Config,
  intake: Intake,
  budget: ByteBudget,
): OtlpDoorOptions {
  assertDoorIsGuarded(name, host, config);
  const admit = createAdmission(name, config);
  return {
    host,
    port,
    intake,
    budget,
    mayIngest: (authorization) => admit("ingest", authorization, "").isAdmitted,
  };
}

function startKafkaSource(config: Config, intake: Intake, budget: ByteBudget, log: Log): Source {
  const kafka = createKafka(config.kafka as NonNullable<Config["kafka"]>, log);
  const source = new KafkaSource({
    kafka,
    topic: config.spanTopic,
    groupId: config.indexerGroup,
    sessionTimeoutMs: config.indexerSessionTimeoutMs,
    intake,
    budget,
    partSpansMax: partSpansMax(config.batchSpansMax),
    ensureTopic: () => ensureSpanTopic(kafka, config.spanTopic, config.spanTopicPartitions, log),
    log,
  });
  source.start();
  return source;
}
