import { Kafka, logLevel } from "kafkajs";
import { startExport } from "kafka-trail/export";
import { tell, type Word } from "./tally.ts";

/** A plain kafkajs client, as an app has it before the two lines. */
export function plainKafka(clientId: string, brokers = givenBrokers()): Kafka {
  return new Kafka({
    clientId,
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    // billing throws on purpose; its second try should not take the visitor's time.
    retry: { initialRetryTime: 50, retries: 8 },
  });
}

/** The shop tells every service its brokers. */
function givenBrokers(): readonly string[] {
  return (process.env["KAFKA_BROKERS"] ?? "").split(",");
}

/**
 * Runs one service of the shop: `start` connects it, `play` is called when the whole shop is open.
 *
 * It ends with the shop: a closed channel is the end of the day.
 */
export function runService(service: { start(): Promise<void>; play?(isOnce: boolean): Promise<void> }): void {
  const spans = startExport();
  process.on("disconnect", () => void spans.shutdown().finally(() => process.exit(0)));
  // Ctrl-C reaches every process of the terminal; the shop decides when the day ends.
  process.on("SIGINT", () => undefined);
  process.on("message", (word: Word) => {
    if (word.say === "play") void service.play?.(word.isOnce);
    if (word.say === "flush") void spans.flush().then(() => tell({ say: "flushed" }));
  });
  void service.start().then(() => tell({ say: "ready" }));
}
