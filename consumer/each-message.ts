import type { EachMessagePayload, Handler } from "./client-shape.ts";
import type { ConsumerTrail } from "./consumer-trail.ts";
import { MessageWork, timestampOf } from "./message-work.ts";
import { runWork } from "./work.ts";

function startWork(trail: ConsumerTrail, payload: EachMessagePayload): MessageWork | undefined {
  if (trail.guard.isOpen) return undefined;
  try {
    const { topic, partition, message } = payload;
    const track = trail.track(topic, partition);
    if (track.isExcluded) return undefined;
    const timestampMs = timestampOf(message);
    const delivery = track.deliver(Number(message.offset), timestampMs);
    const hasJumped = track.hold(delivery.offset - (delivery.voidBefore ?? 0), delivery.offset, false);
    if (hasJumped) trail.session.tell();
    return new MessageWork(trail, track, message, timestampMs, delivery);
  } catch (error) {
    trail.guard.record(error);
    return undefined;
  }
}

/** Wraps an `eachMessage` handler: each call is one `process` span, and behaves as it would without it. */
export function traceEachMessage(
  trail: ConsumerTrail,
  handler: Handler<EachMessagePayload>,
): Handler<EachMessagePayload> {
  return function eachMessage(payload) {
    const work = startWork(trail, payload);
    return work === undefined
      ? handler.call(this, payload)
      : runWork(work, trail.guard, handler, this, payload);
  };
}
