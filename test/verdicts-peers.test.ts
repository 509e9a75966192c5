import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { GroupVerdictAnswer, MessageAnswer } from "../trace-store/query/answers.ts";
import { aSpan, encodeTraces, Kind } from "./support/otlp.ts";
import { PEER_KINDS } from "./support/peer-kinds/kinds.ts";
import { runShop, type PeerKind, type Tells } from "./support/peer-kinds/shop.ts";
import {
  capturedRun,
  type Outcome,
  type PeerRun,
  type TrueMessage,
  type Truth,
} from "./support/peer-runs.ts";
import { openPeerStore, type PeerStore } from "./support/peer-store.ts";

let store: PeerStore;
/** By kind of instrumentation. */
const played = new Map<string, PeerRun>();
beforeAll(async () => {
  store = await openPeerStore();
});
afterAll(() => store.close());

/** Everything of a run goes in through the OTLP door; the broker's side of its truth is what a watcher would have told. */
async function play({ bodies, truth }: PeerRun, cluster: string): Promise<void> {
  await store.take(bodies);
  await store.tellTruth(truth, cluster);
}

async function answerAbout({ topic, partition, offset }: TrueMessage): Promise<MessageAnswer> {
  const answer = await store.query.message({ topic, partition, messageOffset: String(offset) });
  if (!answer.found) throw new Error(`${topic}/${partition}/${offset} is not found: ${answer.sentence}`);
  return answer;
}

const short = ({ consumerGroup, verdict }: GroupVerdictAnswer): string =>
  `${consumerGroup ?? "-"} ${verdict}`;
const traceparentOf = ({ headers }: TrueMessage): string | undefined =>
  headers.findLast(([name]) => name === "traceparent")?.[1];

/** Where no span tells, the committed offset does: never that a message is lost. */
function byOffsetOnly(truth: Truth, { topic, partition, offset }: TrueMessage, group: string): string {
  const committed = truth.groups[group]?.partitions[topic]?.[partition]?.committed ?? 0;
  return committed > offset ? "PASSED_UNTRACED" : "WAITING";
}

const VERDICT_OF: Partial<Record<Outcome, string>> = {
  processed_ok: "DELIVERED",
  sent_to_dlq: "DEAD_LETTERED",
  never_consumed: "WAITING",
};

test.each(["java-plain", "go-kotel"] as const)(
  "every message of the capture %s gets the verdicts of its truth, and its sender",
  async (peer) => {
    const run = capturedRun(peer);
    await play(run, `watched-${peer}`);
    const differences: string[] = [];

    for (const message of run.truth.messages) {
      const { groups, message: identity } = await answerAbout(message);
      const wanted = Object.entries(message.groups).map(
        ([group, { outcome }]) => `${group} ${VERDICT_OF[outcome] ?? outcome}`,
      );
      const given = groups.map(short);
      const traceparent = `00-${identity.traceId}-${identity.spanId}`;
      if (
        given.toSorted().join() !== wanted.toSorted().join() ||
        !traceparentOf(message)?.startsWith(traceparent)
      )
        differences.push(`${message.topic}/${message.partition}/${message.offset} ${given.join()}`);
    }

    // The agent never ends the span of the message at which the application left its loop. The offset tells that it is done.
    expect(differences).toEqual(
      peer === "java-plain" ? ["orders-java/2/56 billing-java DELIVERED,inventory-java PASSED_UNTRACED"] : [],
    );
  },
  60_000,
);

test.each(["orders-java", "orders-go"])(
  "what the groups of the captured %s have not dealt with is what nobody handed to them",
  async (topic) => {
    const { truth } = capturedRun(topic === "orders-java" ? "java-plain" : "go-kotel");

    for (const consumerGroup of Object.keys(truth.groups)) {
      const { messages } = await store.query.undelivered({
        topic,
        consumerGroup,
        olderThanMs: 0,
        limit: 1_000,
      });
      const never = truth.messages.filter((it) => it.groups[consumerGroup]?.outcome === "never_consumed");

      const places = messages.map((it) => `${it.verdict} ${it.partition}/${it.messageOffset}`);
      expect(new Set(places)).toEqual(new Set(never.map((it) => `WAITING ${it.partition}/${it.offset}`)));
    }
  },
);

/** What a kind of instrumentation lets the store say about a handling; and of a service whose spans name no group. */
function expected(
  truth: Truth,
  message: TrueMessage,
  { place, group: isGroupNamed, deadLetter, failure, fate = true }: Tells,
): string[] {
  return Object.entries(message.groups).flatMap(([group, { outcome }]) => {
    const passed = byOffsetOnly(truth, message, group);
    if (!place || outcome === "never_consumed") return [`${group} ${passed}`];
    const isLettered = outcome === "sent_to_dlq" && deadLetter;
    // A dead letter in a trace of its own may be of the message with its key: that is said, and no more.
    const named = isLettered ? "DEAD_LETTERED" : outcome === "sent_to_dlq" ? "UNKNOWN" : "DELIVERED";
    if (isGroupNamed) return [`${group} ${named}`];
    if (!fate) return [`${group} ${passed}`, "- UNKNOWN"];
    const nameless = isLettered
      ? "DEAD_LETTERED"
      : outcome === "sent_to_dlq" && failure
        ? "RETRYING"
        : "PROCESSED";
    return [`${group} ${passed}`, `- ${nameless}`];
  });
}

async function differencesIn({ truth }: PeerRun, { tells }: PeerKind): Promise<string[]> {
  const differences: string[] = [];
  for (const message of truth.messages) {
    const { groups, message: identity } = await answerAbout(message);
    const given = groups.map(short).toSorted().join();
    const wanted = expected(truth, message, tells).toSorted().join();
    const isSender = `00-${identity.traceId}-${identity.spanId}-01` === traceparentOf(message);
    const isLetter = message.topic.endsWith(".dlq");
    const at = `${message.topic}/${message.partition}/${message.offset}`;
    if (given !== wanted) differences.push(`${at}: ${given} instead of ${wanted}`);
    if (!isLetter && isSender !== tells.sender) differences.push(`${at}: sent by ${identity.spanId}`);
  }
  return differences;
}

test.each(Object.entries(PEER_KINDS))(
  "%s: every message gets the verdicts that its spans and the offsets can tell",
  async (name, kind) => {
    const run = runShop(`orders-${name}`, kind);
    played.set(name, run);
    await play(run, `watched-${name}`);

    const differences = await differencesIn(run, kind);

    expect(run.truth.messages).toHaveLength(20);
    expect(differences).toEqual([]);
  },
);

test.each(["node-kafkajs", "node-kafkajs-batch", "java-links"])(
  "%s: and the same of spans that came so late that no slice of time was there for them",
  async (name) => {
    const kind = PEER_KINDS[name] as PeerKind;
    const run = runShop(`orders-late-${name}`, kind, 40 * 86_400_000);
    await play(run, `watched-late-${name}`);

    expect(await differencesIn(run, kind)).toEqual([]);
  },
);

test("where spans do not name their group, the answer says so, service by service", async () => {
  const { groups } = await answerAbout({
    topic: "orders-node-kafkajs",
    partition: 0,
    offset: 3,
  } as TrueMessage);

  expect(groups.map(({ consumerGroup, why }) => `${consumerGroup}: ${why}`).toSorted()).toEqual([
    "billing-orders-node-kafkajs: the group has committed 8; billing, inventory handled the message, in spans that name no group",
    "inventory-orders-node-kafkajs: the group has committed 4; billing, inventory handled the message, in spans that name no group",
    "null: an attempt by service inventory was ok; its spans do not name their group, so no commit can be told",
    "null: its dead letter was sent to orders-node-kafkajs.dlq by service billing; its spans do not name their group",
  ]);
});

test("where spans name no offset, a message is still found by its trace, as a trail without coordinates", async () => {
  const [first] = played.get("python-kafkapython")?.truth.messages ?? [];

  const trail = await store.query.trail(traceparentOf(first as TrueMessage) ?? "");

  expect(trail.found && trail.hops.map(({ operation, messageOffset }) => [operation, messageOffset])).toEqual(
    [
      ["send", null],
      ["receive", null],
      ["receive", null],
    ],
  );
});

test.each([
  "java-links",
  "node-kafkajs-batch",
  "python-confluent-poll",
  "python-confluent-consume",
  "dotnet-confluent",
])(
  "%s: the trail of a message tells of its own hops, though its poll's trace holds those of others",
  async (name) => {
    const { bodies, truth } = runShop(`orders-trail-${name}`, PEER_KINDS[name] as PeerKind);
    await store.take(bodies);
    const strange: string[] = [];

    for (const message of truth.messages.filter(({ headers }) => headers.length > 0)) {
      const trail = await store.query.trail(traceparentOf(message) ?? "");
      const hops = trail.found ? trail.hops : [];
      const others = hops.filter(
        ({ topic, partition, messageOffset }) =>
          topic === message.topic &&
          messageOffset !== null &&
          (partition !== message.partition || messageOffset !== String(message.offset)),
      );
      const sends = hops.filter(({ operation, topic }) => operation === "send" && topic === message.topic);
      const handlings = hops.filter(({ operation }) => operation !== "send");
      const told = Object.values(message.groups).filter(({ outcome }) => outcome !== "never_consumed");
      if (others.length > 0 || sends.length !== 1 || handlings.length !== told.length)
        strange.push(
          `${message.partition}/${message.offset}: ${hops.map((it) => `${it.operation} ${it.msgId}`).join()}`,
        );
    }

    expect(strange).toEqual([]);
  },
);

test("the offset that only the handling knows is the send's too: one message, found by its key", async () => {
  const found = await store.query.find("order-1-2");

  const places =
    found.kind === "matches"
      ? found.matches.matches.filter(({ hop }) => hop.topic === "orders-python-aiokafka")
      : [];
  expect(places.map(({ hop }) => `${hop.operation} ${hop.msgId}`)).toEqual([
    "send orders-python-aiokafka/1/2",
  ]);
});

test("a copy that somebody sent on with the old context is never taken for what the sender sent", async () => {
  const kind = PEER_KINDS["node-kafkajs"] as PeerKind;
  const run = runShop("orders-copied", kind);
  await play(run, "watched-copied");
  const [original] = run.truth.messages;
  const [, traceId = "", spanId = ""] = traceparentOf(original as TrueMessage)?.split("-") ?? [];
  const attributes = {
    "messaging.system": "kafka",
    "messaging.operation.name": "process",
    "messaging.operation.type": "process",
    "messaging.destination.name": "orders-copied",
    "messaging.destination.partition.id": "0",
    "messaging.kafka.offset": "7",
  };
  await store.take([
    encodeTraces([
      aSpan({ traceId, parentSpanId: spanId, kind: Kind.consumer, service: "late", attributes }),
    ]),
  ]);

  expect((await answerAbout(original as TrueMessage)).message.spanId).toBeNull();
});
