import { setTimeout as pause } from "node:timers/promises";
import { Option } from "commander";
import { TrailError, type TrailCode } from "../../errors.ts";
import type { GroupVerdict, GroupVerdictAnswer, MessageAnswer } from "../../query/answers.ts";
import type { Client } from "../cli/client.ts";
import { parseDurationMs } from "../cli/durations.ts";
import { EXIT } from "../cli/exit-codes.ts";
import { writeVerdicts } from "../cli/views/verdicts.ts";
import type { Found } from "./find.ts";
import type { Verb } from "./verb.ts";

interface Options {
  readonly group: readonly string[];
  readonly within: number;
}

const POLL_MS = 500;
/** No later evidence turns these around, so waiting on is of no use. */
const FINAL: ReadonlySet<GroupVerdict> = new Set(["DEAD_LETTERED", "NOT_VISIBLE", "EXPIRED"]);
/** Faults that may pass before the deadline: a message that is not stored yet, a database that restarts. */
const PASSING: ReadonlySet<TrailCode> = new Set([
  "TRAIL_NOT_FOUND",
  "TRAIL_DATABASE",
  "TRAIL_QUERY",
  "TRAIL_BUSY",
]);

/** `kafka-trail assert`: waits until a message is delivered, for a deploy pipeline. */
export const assert: Verb = (program, tools) => {
  program
    .command("assert")
    .argument("<message>", "topic/partition/offset, or a message id or key that one message bears")
    .summary("wait until a message is delivered, or fail")
    .description(
      "Waits until every named consumer group has DELIVERED the message. Exits 0 when it has, 6 when it has not in time or never will, 3 when the message never came to the store. On a pipe: one group a line.",
    )
    .addOption(
      new Option("--group <group>", "consumer group that must have delivered it; may be repeated")
        .makeOptionMandatory()
        .argParser((group, before: readonly string[] | undefined) => [...(before ?? []), group]),
    )
    .addOption(
      new Option("--within <duration>", "how long to wait").default(60_000, "60s").argParser(parseDurationMs),
    )
    .action(async (id: string, { group, within }: Options) => {
      const { client, output, exit } = tools();
      const verdicts = await verdictsWithin(client, id, group, within);
      output.answer(verdicts, { table: writeVerdicts, rows: (it) => it });
      const missing = group.filter((name) => verdicts.every((it) => it.consumerGroup !== name));
      const open = verdicts.filter((it) => it.verdict !== "DELIVERED").map((it) => it.consumerGroup);
      for (const name of missing) output.say(`No consumer group ${name} is known to read this topic.`);
      if (open.length > 0) output.say(`Not delivered by ${open.join(", ")}.`);
      if (missing.length > 0 || open.length > 0) exit(EXIT.notDelivered);
    });
};

/** Asks until all is delivered, can no longer be, or the time is over; then the last answer or fault counts. */
async function verdictsWithin(
  client: Client,
  id: string,
  groups: readonly string[],
  withinMs: number,
): Promise<readonly GroupVerdictAnswer[]> {
  const deadlineMs = performance.now() + withinMs;
  let hasAnswered = false;
  for (;;) {
    const isLast = performance.now() + POLL_MS > deadlineMs;
    try {
      const message = await oneMessage(client, id);
      hasAnswered = true;
      const verdicts = message.groups.filter(
        (it) => it.consumerGroup !== null && groups.includes(it.consumerGroup),
      );
      const isDecided = verdicts.some((it) => FINAL.has(it.verdict));
      const isDelivered =
        verdicts.length === new Set(groups).size && verdicts.every((it) => it.verdict === "DELIVERED");
      if (isDelivered || isDecided || isLast) return verdicts;
    } catch (error) {
      if (isLast || !(error instanceof TrailError)) throw error;
      // A server that answered before is being started anew; one that never did is not there.
      const mayPass = PASSING.has(error.code) || (hasAnswered && error.code === "TRAIL_UNREACHABLE");
      if (!mayPass) throw error;
      hasAnswered = true;
    }
    await pause(POLL_MS);
  }
}

async function oneMessage(client: Client, id: string): Promise<MessageAnswer> {
  const found = await client.get<Found>("/api/v1/find", { q: id });
  if (found.kind === "message") return found.message;
  const [only, ...others] =
    found.kind === "trail" ? found.trail.messages : found.matches.matches.map(({ hop }) => hop);
  if (only === undefined || only.topic === null || only.messageOffset === null || others.length > 0) {
    throw new TrailError(
      "TRAIL_BAD_QUESTION",
      `"${id}" stands for ${others.length + 1} messages; expected one. Name it by topic/partition/offset: \`kafka-trail find ${id}\` lists them.`,
    );
  }
  const place = [only.topic, only.partition, only.messageOffset]
    .map(String)
    .map(encodeURIComponent)
    .join("/");
  return client.get(`/api/v1/messages/${place}`);
}
