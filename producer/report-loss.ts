import { diag } from "@opentelemetry/api";
import type { Attributes } from "@opentelemetry/api";
import type { Acknowledgement } from "./acknowledgement.ts";
import type { Delivery } from "./delivery.ts";
import type { ProducerTrail } from "./producer-trail.ts";

/** Named in a sentence are no more places than this. */
const PLACES_MAX = 20;

const CAUSE =
  "When a partition's leader moves during a send, kafkajs 2.2.4 does not ask a broker again that has already answered " +
  "(tulios/kafkajs#1798); the option resendUnacknowledged: true has kafka-trail send such messages again. It also leaves " +
  "out, without a word, messages for partitions that do not exist.";

let hasToldProcess = false;

/** The first loss of a process is told by a process warning too: where the app gave `diag` no logger, nobody would hear it. */
function warn(sentence: string): void {
  diag.warn(sentence);
  if (hasToldProcess) return;
  hasToldProcess = true;
  // Node puts the type in front.
  process.emitWarning(sentence.replace("kafka-trail: ", ""), { type: "kafka-trail" });
}

/** Says what a resolved send has lost, or may have lost: one warning a send, and two counters. */
export function reportLoss(
  trail: ProducerTrail,
  delivery: Delivery,
  acknowledgement: Acknowledgement,
  attributes: Attributes,
): void {
  const { unacknowledged, isSuspect } = acknowledgement;
  if (unacknowledged > 0) trail.metrics.unacknowledged.add(unacknowledged, attributes);
  if (isSuspect) trail.metrics.suspect.add(1, attributes);
  const count = delivery.messageCount;
  if (unacknowledged > 0) {
    warn(
      `kafka-trail: ${unacknowledged} of ${count} messages of a send that resolved were never acknowledged by a broker, ` +
        `and are most likely lost: ${unacknowledgedPlaces(delivery, acknowledgement).join(", ")}. ${CAUSE}`,
    );
  } else {
    warn(
      `kafka-trail: of the ${count} messages of a send to ${topicsOf(delivery)} that resolved, some may be lost and some ` +
        `stored twice: it was retried, and its messages went to other partitions than before. ${CAUSE}`,
    );
  }
}

/** Returns the topic partitions of the messages that were not acknowledged, as `topic/partition`, at most 20. */
export function unacknowledgedPlaces(delivery: Delivery, acknowledgement: Acknowledgement): string[] {
  const places = new Set<string>();
  for (const [part, { topic, sent }] of delivery.parts.entries()) {
    for (const index of sent.keys()) {
      const { isUnacknowledged, partition } = acknowledgement.fateOf(part, index);
      if (isUnacknowledged) places.add(partition === undefined ? topic : `${topic}/${partition}`);
    }
  }
  return [...places].slice(0, PLACES_MAX);
}

function topicsOf({ parts }: Delivery): string {
  return [...new Set(parts.map(({ topic }) => topic))].slice(0, PLACES_MAX).join(", ");
}
