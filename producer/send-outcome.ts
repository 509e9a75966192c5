import type { Delivery } from "./delivery.ts";
import type { Outcome } from "./sequence-doubt.ts";

const NONE: ReadonlyMap<string, number> = new Map();

/** Says what a resolved send did to the sequence numbers of its producer. */
export function outcomeOfResolved(delivery: Delivery): Outcome {
  const acknowledged = new Map<string, number>();
  const isFollowed = eachPlace(delivery, (at) => acknowledged.set(at, (acknowledged.get(at) ?? 0) + 1));
  // Where the partitioner is out of reach a retry goes unseen, so none is ruled out.
  return { isTroubled: !isFollowed || delivery.retries > 0, abandoned: NONE, acknowledged };
}

/** Says what a rejected send may have left behind: each attempt may have been stored, and was taken back. */
export function outcomeOfRejected(delivery: Delivery): Outcome {
  const abandoned = new Map<string, number>();
  const isFollowed = eachPlace(delivery, (at, asked) => abandoned.set(at, (abandoned.get(at) ?? 0) + asked));
  // A send that was refused before it asked for a partition has sent nothing.
  return { isTroubled: !isFollowed || abandoned.size > 0, abandoned, acknowledged: NONE };
}

/** Calls back with every partition that a message was put into; false where some message could not be followed. */
function eachPlace(delivery: Delivery, call: (at: string, asked: number) => void): boolean {
  let isFollowed = true;
  for (const { topic, sent } of delivery.parts) {
    for (const { placement } of sent) {
      if (placement === undefined) {
        isFollowed = false;
        call(`${topic}/?`, Number.POSITIVE_INFINITY);
        continue;
      }
      for (const partition of placement.earlier ?? []) call(`${topic}/${partition}`, placement.asked);
      if (placement.partition !== undefined) call(`${topic}/${placement.partition}`, placement.asked);
    }
  }
  return isFollowed;
}
