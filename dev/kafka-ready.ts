import { Kafka, logLevel } from "kafkajs";
import { waitUntil } from "./wait.ts";

// As many as our brokers' `__consumer_offsets` and `__transaction_state` have partitions, each of which has a coordinator.
const COORDINATORS = 5;

/** What readiness is asked of. */
export interface KafkaReadiness {
  readonly brokers: readonly string[];
  /** How many brokers the cluster must show. */
  readonly brokerCount: number;
  readonly timeoutMs: number;
  /** Looked at between two tries; throws when waiting is in vain. */
  readonly check: () => Promise<void>;
}

/**
 * Waits until a client meets no error: every broker is in the metadata and every coordinator is loaded.
 *
 * Without it kafkajs logs "coordinator is loading" at ERROR in a broker's first second.
 */
export async function kafkaReady({ brokers, brokerCount, timeoutMs, check }: KafkaReadiness): Promise<void> {
  const kafka = new Kafka({
    clientId: "kafka-trail-readiness",
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 2_000,
    retry: { retries: 0 },
  });
  const what =
    brokerCount === 1 ? "An answer of Kafka's at" : `The gathering of ${brokerCount} Kafka brokers at`;
  let lastFault = "none";
  const look = async () => {
    await check();
    return tryAll(kafka, brokerCount).catch((fault: Error) => {
      lastFault = fault.message;
      return false;
    });
  };
  try {
    await waitUntil(`${what} ${brokers.join(",")}`, look, { timeoutMs, intervalMs: 100 });
  } catch (error) {
    throw new Error(`${(error as Error).message} The last fault seen: ${lastFault}.`, { cause: error });
  }
}

async function tryAll(kafka: Kafka, brokerCount: number): Promise<boolean> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const { brokers } = await admin.describeCluster();
    if (brokers.length < brokerCount) return false;
    await Promise.all(each((name) => admin.fetchOffsets({ groupId: name })));
    await Promise.all(each((name) => initialiseTransactions(kafka, name)));
    return true;
  } finally {
    await admin.disconnect();
  }
}

/** Names that differ by one in their last character have hash codes that differ by one, hence meet every coordinator. */
function each(ask: (name: string) => Promise<unknown>): Promise<unknown>[] {
  return Array.from({ length: COORDINATORS }, (_, i) => ask(`kafka-trail-readiness-${i}`));
}

async function initialiseTransactions(kafka: Kafka, transactionalId: string): Promise<void> {
  const producer = kafka.producer({ transactionalId });
  try {
    await producer.connect();
    await producer.transaction();
  } finally {
    await producer.disconnect();
  }
}
