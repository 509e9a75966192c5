import { errorType, ERROR_TYPE } from "../trace-context/index.ts";
import type { ConsumerMetrics } from "./consumer-metrics.ts";
import type { Delivery, PartitionTrack } from "./partition-track.ts";

/** Counts messages handed to a handler. `waitedMs` is the oldest one's time in the log, `undefined` where unknown. */
export function countDelivery(
  metrics: ConsumerMetrics,
  track: PartitionTrack,
  delivery: Delivery,
  messages: number,
  waitedMs: number | undefined,
): void {
  if (!metrics.isMeasured) return;
  const attributes = track.metricAttributes;
  metrics.consumed.add(messages, attributes);
  // A producer's clock may be ahead of ours.
  if (waitedMs !== undefined) metrics.delay.record(Math.max(0, waitedMs) / 1000, attributes);
  if (delivery.attempt > 1) metrics.redeliveries.add(1, attributes);
  if (delivery.isDuplicate) metrics.duplicates.add(1, attributes);
}

/** Records a handler's call that began at `startedAtMs` (`performance.now()`) and has succeeded. */
export function countSuccess(metrics: ConsumerMetrics, track: PartitionTrack, startedAtMs: number): void {
  if (!metrics.isMeasured) return;
  metrics.processDuration.record((performance.now() - startedAtMs) / 1000, track.metricAttributes);
}

/** Records a handler's call that began at `startedAtMs` (`performance.now()`) and has failed. */
export function countFailure(
  metrics: ConsumerMetrics,
  track: PartitionTrack,
  startedAtMs: number,
  error: unknown,
): void {
  if (!metrics.isMeasured) return;
  const attributes = { ...track.metricAttributes, [ERROR_TYPE]: errorType(error) };
  metrics.processDuration.record((performance.now() - startedAtMs) / 1000, attributes);
  metrics.failures.add(1, attributes);
}
