import {
  Connections,
  errorType,
  ERROR_TYPE,
  metricAttributes,
  OPERATION_NAME,
  TRAIL,
  warn,
} from "../trace-context/index.ts";
import type { OffsetsByTopic } from "./client-shape.ts";
import type { ConsumerTrail } from "./consumer-trail.ts";

/** The parts of a client that tell what happens inside of it. */
interface EventSource {
  readonly events?: Readonly<Record<string, string>>;
  on?(name: string, listener: (event: { payload?: unknown }) => void): () => void;
}

interface BatchProcessEvent {
  readonly topic: string;
  readonly partition: number;
  readonly highWatermark: string;
  readonly batchSize: number;
  /** `null` for a fetch from which compaction has taken everything. */
  readonly firstOffset: string | null;
  readonly lastOffset: string;
}

function onBatchStart(trail: ConsumerTrail, event: BatchProcessEvent): void {
  const track = trail.track(event.topic, event.partition);
  track.highWatermark = Number(event.highWatermark);
  // A batch handler is given the batch itself, which knows the fetched position; hidden records reach no handler.
  if (trail.isBatchMode && event.batchSize > 0) return;
  if (event.firstOffset === null) track.breakChain();
  else track.beginFetch(Number(event.firstOffset), Number(event.lastOffset), event.batchSize);
}

function onCommit(trail: ConsumerTrail, { topics }: OffsetsByTopic): void {
  for (const { topic, partitions } of topics) {
    trail.metrics.commits.add(
      1,
      metricAttributes(trail.tracing, OPERATION_NAME.commit, topic, trail.consumerGroup),
    );
    for (const { partition, offset } of partitions) {
      trail.track(topic, Number(partition)).committed = Number(offset);
    }
  }
}

function onCrash(trail: ConsumerTrail, event: { error: unknown; restart: boolean }): void {
  trail.endSession();
  trail.metrics.crashes.add(1, {
    ...trail.metricAttributes,
    [ERROR_TYPE]: errorType(event.error),
    [TRAIL.restart]: event.restart,
  });
  if (event.restart) return;
  warn(
    `the consumer of group "${trail.consumerGroup ?? ""}" has stopped for good (${errorType(event.error)}); ` +
      "the client will not restart it, and run() has long resolved. Restart the process, or listen to the consumer's CRASH event.",
    event.error,
  );
}

/**
 * Listens to the events of a client that has them (kafkajs; not Confluent's). Returns false where it has none.
 * No listener throws: kafkajs would let it through into its own loop.
 */
export function listenToClient(client: object, trail: ConsumerTrail): boolean {
  const source = client as EventSource;
  let names: EventSource["events"];
  try {
    names = source.events;
    if (names === undefined || typeof source.on !== "function") return false;
  } catch {
    // Confluent's client has the property and throws "Not implemented" when it is read.
    return false;
  }
  const { guard } = trail;
  const listen = <P>(name: string, hear: (payload: P) => void): (() => void) | undefined => {
    const eventName = names[name];
    if (eventName === undefined) return undefined;
    return guard.try(() => source.on?.(eventName, (event) => guard.try(() => hear(event.payload as P))));
  };

  const connections = new Connections(trail.metrics);
  listen("CONNECT", () => connections.connect(trail.metricAttributes));
  listen("DISCONNECT", () => connections.disconnect());
  listen<{ groupId: string }>("GROUP_JOIN", ({ groupId }) => {
    trail.learn({ consumerGroup: groupId });
    // After a crash kafkajs restarts by itself: it tells of the DISCONNECT, and of no CONNECT.
    connections.connect(trail.metricAttributes);
    trail.beginSession();
  });
  listen("REBALANCING", () => {
    trail.metrics.rebalances.add(1, trail.metricAttributes);
    trail.endSession();
  });
  listen("STOP", () => trail.endSession());
  listen<{ error: unknown; restart: boolean }>("CRASH", (event) => onCrash(trail, event));
  listen<BatchProcessEvent>("START_BATCH_PROCESS", (event) => onBatchStart(trail, event));
  listen<OffsetsByTopic>("COMMIT_OFFSETS", (event) => onCommit(trail, event));
  // The first request tells the client's id; the event fires for every one, so it is heard once.
  const stop = listen<{ clientId: string }>("REQUEST", ({ clientId }) => {
    trail.learn({ clientId });
    stop?.();
  });
  return true;
}
