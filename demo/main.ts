import { parseArgs, styleText } from "node:util";
import { Kafka, logLevel } from "kafkajs";
import { startKafka, type KafkaService } from "../dev/kafka.ts";
import { freePorts, isFree } from "../dev/ports.ts";
import { FAST_SETTINGS, startPostgres, type PostgresService } from "../dev/postgres.ts";
import { timed } from "../dev/progress.ts";
import { startStore, type Store } from "../dev/trail-store.ts";
import { waitUntil } from "../dev/wait.ts";
import { askStore, compare, type Comparison } from "./compare.ts";
import { DEAD_LETTERS, ORDERS, TOPICS } from "./orders.ts";
import { readBack } from "./read-back.ts";
import { openShop, type Shop } from "./shop.ts";
import type { Deed } from "./tally.ts";

// A small shop with honest failures, on real services: npm run demo, or npm run demo -- --once for one checked round.

const HTTP_PORT = 8712;
/** What the round leaves behind; checkout's own file says how it comes about. */
const ROUND = { produced: 68, visible: 65, letters: 30 };
const ROUND_TIMEOUT_MS = 90_000;
const STORED_TIMEOUT_MS = 30_000;

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const bold = (text: string): string => styleText("bold", text);

interface Running {
  readonly kafka: KafkaService;
  readonly postgres: PostgresService;
  readonly store: Store;
  readonly shop: Shop;
  stop(): Promise<void>;
}

async function start(): Promise<Running> {
  const progress = (line: string) => say(`  ${line}`);
  const kafka = await startKafka({ onProgress: progress });
  const postgres = await startPostgres({ settings: FAST_SETTINGS, onProgress: progress });
  await createTopics(kafka.brokers);
  const store = await timed(progress, "Starting kafka-trail up", async () =>
    startStore({ databaseUrl: postgres.url, brokers: kafka.brokers, ports: await ports() }),
  );
  const world = { brokers: kafka.brokers, otlpEndpoint: `http://127.0.0.1:${store.otlpGrpcPort}` };
  const shop = await timed(progress, "Opening the shop: checkout, billing, inventory, email, legacy", () =>
    openShop(world),
  );
  return {
    kafka,
    postgres,
    store,
    shop,
    async stop() {
      await shop.close();
      await store.stop();
      await postgres.stop();
      await kafka.stop();
    },
  };
}

/** The CLI's own default port where it is free, so that the commands need no setting. */
async function ports(): Promise<{ http: number; otlpGrpc: number; otlpHttp: number }> {
  const [http = 0, otlpGrpc = 0, otlpHttp = 0] = await freePorts(3);
  return { http: (await isFree(HTTP_PORT)) ? HTTP_PORT : http, otlpGrpc, otlpHttp };
}

/** Anew for every demo, where the brokers are not the demo's own and hold an earlier one's orders. */
async function createTopics(brokers: readonly string[]): Promise<void> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const existing = new Set(await admin.listTopics());
  const old = TOPICS.filter((topic) => existing.has(topic));
  if (old.length > 0) await admin.deleteTopics({ topics: old });
  await waitUntil(
    "the topics of the shop being there",
    async () => {
      await admin
        .createTopics({ topics: TOPICS.map((topic) => ({ topic, numPartitions: 3 })) })
        .catch(() => false);
      const { topics } = await admin
        .fetchTopicMetadata({ topics: [...TOPICS] })
        .catch(() => ({ topics: [] }));
      return (
        topics.length === TOPICS.length &&
        topics.every((it) => it.partitions.every((partition) => partition.leader >= 0))
      );
    },
    { timeoutMs: 30_000, intervalMs: 200 },
  );
  await admin.disconnect();
}

function isRoundOver(deeds: readonly Deed[]): boolean {
  const count = (service: string, did: Deed["did"]) =>
    new Set(
      deeds
        .filter((deed) => deed.service === service && deed.did === did)
        .map((deed) => `${deed.topic} ${deed.key}`),
    ).size;
  return (
    count("checkout", "produced") === ROUND.produced &&
    count("billing", "processed") === ROUND.visible &&
    count("legacy", "processed") === ROUND.visible &&
    count("email", "processed") === ROUND.letters &&
    count("inventory", "processed") === ROUND.visible
  );
}

/** Plays the fixed round and compares what the services did with what the store says. True when they agree. */
async function playOnce({ shop, kafka, postgres }: Running): Promise<boolean> {
  const progress = (line: string) => say(`  ${line}`);
  await timed(progress, "Playing one round", async () => {
    shop.play(true);
    await waitUntil("the end of the round", () => isRoundOver(shop.deeds), { timeoutMs: ROUND_TIMEOUT_MS });
    await shop.flush();
  });
  const places = await readBack(kafka.brokers, TOPICS);
  let lines: Comparison[] = [];
  const look = async () => {
    lines = compare(shop.deeds, await askStore(postgres.url), places);
    return lines.every((line) => line.isEqual);
  };
  const isEqual = await waitUntil("agreement", look, { timeoutMs: STORED_TIMEOUT_MS, intervalMs: 200 }).catch(
    () => false,
  );
  say("");
  say(bold("What the services counted themselves, and what the store says, message by message"));
  printComparison(lines);
  say("");
  say(
    isEqual
      ? "The store agrees with every service, on every message."
      : "The store does NOT agree. See the lines marked with a cross.",
  );
  return isEqual;
}

function printComparison(lines: readonly Comparison[]): void {
  const row = (cells: readonly [string, string, string, string], mark: string) =>
    `  ${cells[0].padEnd(11)}${cells[1].padEnd(28)}${cells[2].padStart(8)}${cells[3].padStart(12)}  ${mark}`;
  say(row(["service", "did", "counted", "store says"], ""));
  for (const { service, did, counted, stored, isEqual } of lines) {
    say(row([service, did, String(counted), String(stored)], isEqual ? "✓" : "✗"));
  }
}

/** Where an order lies that has a dead letter by now, if both were read. */
async function findDeadLettered({ kafka }: Running): Promise<string | undefined> {
  const places = await readBack(kafka.brokers, [ORDERS, DEAD_LETTERS]);
  return [...places.keys()]
    .filter((key) => key.startsWith(DEAD_LETTERS))
    .map((key) => places.get(key.replace(DEAD_LETTERS, ORDERS)))
    .find((place) => place !== undefined);
}

/** Three questions about a message of this very demo. */
function printQuestions({ store, postgres }: Running, place: string): void {
  const setting = store.url.endsWith(`:${HTTP_PORT}`) ? "" : `KAFKA_TRAIL_URL=${store.url} `;
  const [topic, partition, offset] = place.split("/");
  say("");
  say(bold("Three questions to try, in another terminal"));
  say("");
  say("  1. What happened to this order? billing gave it to the dead letters.");
  say(`     ${setting}npx kafka-trail find ${place}`);
  say("  2. The same over HTTP, for a program.");
  say(`     curl -s ${store.url}/api/v1/messages/${topic}/${partition}/${offset}`);
  say("  3. The same in SQL, in any client.");
  say(`     ${postgres.url}`);
  say(
    `     SELECT service, operation, status, attempt, start_time FROM trail.message('${topic}', ${partition}, ${offset});`,
  );
  say("");
}

/** `--once`; anything else is refused, as an open shop is not what was meant. */
function isOnceAsked(): boolean {
  try {
    return parseArgs({ options: { once: { type: "boolean", default: false } } }).values.once;
  } catch (fault) {
    const [what] = String((fault as Error).message).split(/[.\n]/);
    process.stderr.write(`demo: ${what}. Expected npm run demo, or npm run demo -- --once\n`);
    process.exit(2);
  }
}

async function main(): Promise<number> {
  const isOnce = isOnceAsked();
  say(bold("kafka-trail: what happened to this message?"));
  const running = await start();
  try {
    if (isOnce) {
      const isEqual = await playOnce(running);
      return isEqual ? 0 : 1;
    }
    running.shop.play(false);
    const place = await waitUntil("a dead letter", () => findDeadLettered(running), {
      timeoutMs: 60_000,
      intervalMs: 500,
    });
    printQuestions(running, place);
    say("The shop is open; orders come in. Ctrl-C closes it.");
    await new Promise<void>((resolve) => {
      process.once("SIGINT", resolve);
      process.once("SIGTERM", resolve);
    });
    say("\nClosing.");
    return 0;
  } finally {
    await running.stop();
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
