import { createKafka } from "../trace-store/kafka/client.ts";
import { openCluster, type PrivateCluster } from "../trace-store/kafka/private-cluster.ts";
import { createLog } from "../trace-store/log.ts";
import { kafkaBrokers } from "./support/services.ts";

/** What these tests look at: kafkajs's queue of requests of one connection. */
interface Queue {
  /** Set while the queue is going to look whether a request waits. */
  readonly throttleCheckTimeoutId: NodeJS.Timeout | null;
  maybeThrottle(ms: number): void;
}

let cluster: PrivateCluster;
beforeEach(async () => {
  const config = { brokers: kafkaBrokers(), clientId: "idle", ssl: false, sasl: undefined } as const;
  cluster = openCluster(createKafka(config, createLog("silent")));
  await cluster.connect();
  await cluster.refreshMetadata();
});
afterEach(() => cluster.disconnect());

async function queueOf(it: PrivateCluster): Promise<Queue | undefined> {
  const { connectionPool } = await it.findControllerBroker();
  return (connectionPool as unknown as { pool: { requestQueue: Queue }[] }).pool[0]?.requestQueue;
}

test("a connection that waits for nothing sets no timer", async () => {
  const queue = await queueOf(cluster);

  await cluster.refreshMetadata();

  expect(queue?.throttleCheckTimeoutId).toBeNull();
});

test("a request that must wait, as the broker asked for a pause, is sent when the pause is over", async () => {
  const queue = await queueOf(cluster);

  queue?.maybeThrottle(50);

  await expect(cluster.refreshMetadata()).resolves.toBeUndefined();
});
