import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { GroupVerdictAnswer, MessageAnswer } from "../trace-store/query/answers.ts";
import { capturedRun, type Captured, type TrueMessage, type Truth } from "./support/peer-runs.ts";
import { openPeerStore, type PeerStore } from "./support/peer-store.ts";

// Real programs with other libraries' instrumentations, their exports byte for byte, and what they really did: see README.md of
// the fixtures. Each line: what became of messages for a group; what the group's row says; what its service's says, where
// spans name no group; of how many messages.

const PLAIN_JAVA = [
  "billing processed_ok: DELIVERED x95",
  // The agent never ends the span of the message at which a program leaves its loop.
  "billing processed_ok: PASSED_UNTRACED x1",
  "billing sent_to_dlq: DEAD_LETTERED x4",
  "inventory never_consumed: WAITING x30",
  "inventory processed_ok: DELIVERED x69",
  "inventory processed_ok: PASSED_UNTRACED x1",
];
const ANSWERS: Partial<Record<Captured, readonly string[]>> = {
  "java-links": PLAIN_JAVA,
  "java-stable": PLAIN_JAVA,
  "java-polled": PLAIN_JAVA,
  "node-kafkajs": [
    // Aborted: no span knows their offsets, and no offset tells that they were aborted.
    "billing never_consumed: PASSED_UNTRACED x2",
    "billing processed_ok: PASSED_UNTRACED, PROCESSED x98",
    "billing processed_ok_after_retry: PASSED_UNTRACED, PROCESSED x6",
    "billing sent_to_dlq: PASSED_UNTRACED, DEAD_LETTERED x5",
    "inventory delivered_not_processed: WAITING, UNKNOWN x59",
    "inventory never_consumed: WAITING x2",
    "inventory processed_ok: PASSED_UNTRACED, UNKNOWN x49",
    "inventory processed_ok_after_retry: PASSED_UNTRACED, UNKNOWN x1",
  ],
  "python-aiokafka": [
    "billing processed_ok: DELIVERED x95",
    "billing sent_to_dlq: UNKNOWN x5",
    "inventory never_consumed: WAITING x50",
    "inventory processed_ok: DELIVERED x50",
  ],
  "python-confluent": [
    "audit never_consumed: WAITING x49",
    // Consumed as the program closed, and left alone.
    "audit never_consumed: WAITING, PROCESSED x1",
    "audit processed_ok: PASSED_UNTRACED, PROCESSED x150",
    "billing processed_ok: PASSED_UNTRACED, PROCESSED x192",
    "billing processed_ok_after_retry: PASSED_UNTRACED, PROCESSED x4",
    "billing sent_to_dlq: PASSED_UNTRACED, DEAD_LETTERED x4",
  ],
  "python-kafkapython": [
    "billing processed_ok: PASSED_UNTRACED x190",
    "billing sent_to_dlq: PASSED_UNTRACED x10",
    "inventory never_consumed: WAITING x80",
    "inventory processed_ok: PASSED_UNTRACED x120",
  ],
};

let store: PeerStore;
beforeAll(async () => {
  store = await openPeerStore();
});
afterAll(() => store.close());

async function answerAbout({ topic, partition, offset }: TrueMessage): Promise<MessageAnswer> {
  const answer = await store.query.message({ topic, partition, messageOffset: String(offset) });
  if (!answer.found) throw new Error(`${topic}/${partition}/${offset} is not found: ${answer.sentence}`);
  return answer;
}

/** The verdict of a group's own row, and of its service's. */
function verdictsOf({ groups, hops }: MessageAnswer, group: string, service?: string): string {
  const isItsService = ({ consumerGroup, spanId }: GroupVerdictAnswer): boolean =>
    consumerGroup === null && hops.find((hop) => hop.spanId === spanId)?.service === service;
  const rows = [...groups.filter((it) => it.consumerGroup === group), ...groups.filter(isItsService)];
  return rows.map(({ verdict }) => verdict).join(", ");
}

/** How many messages fared how, and senders that are not those whose context the message itself carries. */
async function tallyOf(truth: Truth): Promise<{ tally: Map<string, number>; wrongSenders: string[] }> {
  const tally = new Map<string, number>();
  const wrongSenders: string[] = [];
  for (const message of truth.messages) {
    const answer = await answerAbout(message);
    const sender = message.headers.findLast(([name]) => name === "traceparent")?.[1].split("-")[2];
    if (answer.message.spanId !== null && answer.message.spanId !== sender)
      wrongSenders.push(`${message.topic}/${message.partition}/${message.offset}`);
    for (const [group, { outcome }] of Object.entries(message.groups)) {
      const of = `${group.split("-")[0]} ${outcome}: ${verdictsOf(answer, group, truth.groups[group]?.service)}`;
      tally.set(of, (tally.get(of) ?? 0) + 1);
    }
  }
  return { tally, wrongSenders };
}

test.each(Object.entries(ANSWERS) as [Captured, readonly string[]][])(
  "%s, a real run: every message gets the verdict that its spans and the offsets can tell, and no wrong sender",
  async (peer, answers) => {
    const { bodies, truth } = capturedRun(peer);
    await store.take(bodies);
    await store.tellTruth(truth, `watched-${peer}`);

    const { tally, wrongSenders } = await tallyOf(truth);

    expect([...tally].map(([of, count]) => `${of} x${count}`).toSorted()).toEqual([...answers].toSorted());
    expect(wrongSenders).toEqual([]);
  },
  60_000,
);

test("where a topic's handlings tell no offset, an answer without them says that there are such", async () => {
  const [message] = capturedRun("python-kafkapython").truth.messages;

  const { groups } = await answerAbout(message as TrueMessage);

  expect(groups.find(({ verdict }) => verdict === "PASSED_UNTRACED")?.why).toMatch(
    /^the group has committed \d+; no spans name it; handlings of this topic's messages are traced, but without their offsets$/,
  );
});

test("a message of a log that no span names may be none at all, and the answer says so", async () => {
  const { truth } = capturedRun("node-kafkajs");
  const aborted = truth.messages.find((it) => it.transaction_aborted) as TrueMessage;

  expect((await answerAbout(aborted)).message).toMatchObject({
    verdict: "APPENDED",
    why: expect.stringMatching(
      /no span names it, so it may also be a transaction's marker or an aborted message$/,
    ),
  });
});
