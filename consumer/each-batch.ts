import { BatchWork } from "./batch-work.ts";
import type { EachBatchPayload, Handler, OffsetsByTopic } from "./client-shape.ts";
import { flattenOffsets, traceCommit } from "./commit-span.ts";
import type { ConsumerTrail } from "./consumer-trail.ts";
import { copyWith } from "./copy.ts";
import { rememberBatch } from "./trace-message.ts";
import { runWork } from "./work.ts";

/**
 * Returns a copy of the payload whose calls are listened to. The batch in it is the client's own, untouched; heartbeat,
 * pause and uncommittedOffsets are as they were.
 */
function listenToCalls(trail: ConsumerTrail, work: BatchWork, payload: EachBatchPayload): EachBatchPayload {
  const { guard } = trail;
  const asked = (mayGoOn: boolean): boolean => {
    if (!mayGoOn) work.tellToStop();
    return mayGoOn;
  };
  return copyWith(payload, {
    resolveOffset(...args) {
      const returned = payload.resolveOffset(...args);
      guard.try(() => work.resolve(Number(args[0])));
      return returned;
    },
    commitOffsetsIfNecessary(...args) {
      const [offsets] = args;
      const read = () => (offsets ? flattenOffsets(offsets as OffsetsByTopic) : undefined);
      return traceCommit(trail, read, () => payload.commitOffsetsIfNecessary(...args));
    },
    ...(typeof payload.isRunning === "function" && { isRunning: () => asked(payload.isRunning()) }),
    ...(typeof payload.isStale === "function" && { isStale: () => !asked(!payload.isStale()) }),
  });
}

function startWork(
  trail: ConsumerTrail,
  payload: EachBatchPayload,
  isAutoResolved: boolean,
): { work: BatchWork; listened: EachBatchPayload } | undefined {
  if (trail.guard.isOpen) return undefined;
  try {
    const { batch } = payload;
    const track = trail.track(batch.topic, batch.partition);
    if (track.isExcluded || batch.messages.length === 0) return undefined;
    const work = new BatchWork(trail, track, batch, isAutoResolved);
    const listened = listenToCalls(trail, work, payload);
    rememberBatch(listened, { work, guard: trail.guard });
    return { work, listened };
  } catch (error) {
    trail.guard.record(error);
    return undefined;
  }
}

/** Wraps an `eachBatch` handler: each call is one `process` span, and behaves as it would without it. */
export function traceEachBatch(
  trail: ConsumerTrail,
  handler: Handler<EachBatchPayload>,
  isAutoResolved: boolean,
): Handler<EachBatchPayload> {
  return function eachBatch(payload) {
    const started = startWork(trail, payload, isAutoResolved);
    return started === undefined
      ? handler.call(this, payload)
      : runWork(started.work, trail.guard, handler, this, started.listened);
  };
}
