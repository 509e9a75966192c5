import { aSpan, type TestSpan } from "../otlp.ts";
import type { PeerKind } from "./shop.ts";

const START_NS = BigInt(Date.now() - 600_000) * 1_000_000n;
/** Spans of a service, so long after the first send, which was ten minutes ago. */
export const by = (service: string, spans: readonly Partial<TestSpan>[], afterMs = 100): TestSpan[] => {
  const startNs = START_NS + BigInt(afterMs) * 1_000_000n;
  return spans.map((span) => aSpan({ flags: 0x100, ...span, service, startNs, endNs: startNs + 2_000_000n }));
};
/** So many messages of one topic, sent by `kind`. */
export function sentBy(kind: PeerKind, topic: string, count: number, afterMs = 0) {
  return Array.from({ length: count }, (_, offset) => {
    const message = { topic, partition: 0, offset, key: `key-${offset}` };
    const [sent] = by("checkout", [kind.send(message)], afterMs + offset);
    return { message, sent: sent as TestSpan, isFailed: false };
  });
}
