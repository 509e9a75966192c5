import { Kafka, logLevel } from "kafkajs";
import { topicsOfThisRun } from "./topic-names.ts";

/** Stops what was started for the run, and takes the run's topics out of a Kafka that was given. */
// oxlint-disable-next-line import/no-default-export -- Jest takes the default export of a global teardown.
export default async function stopServices(): Promise<void> {
  const services = globalThis.testServices;
  if (services === undefined) return;
  if (services.kafka.via === "KAFKA_BROKERS") await deleteTopics(services.kafka.brokers);
  await Promise.all([services.kafka.stop(), services.postgres.stop()]);
  // In watch mode the next run must not take them for given.
  if (services.kafka.via !== "KAFKA_BROKERS") delete process.env["KAFKA_BROKERS"];
  if (services.postgres.via !== "DATABASE_URL") delete process.env["DATABASE_URL"];
}

async function deleteTopics(brokers: string[]): Promise<void> {
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const topics = topicsOfThisRun(await admin.listTopics());
    if (topics.length > 0) await admin.deleteTopics({ topics });
  } finally {
    await admin.disconnect();
  }
}
