import { Option } from "commander";
import type { GroupsAnswer, UndeliveredAnswer } from "../../query/list-answers.ts";
import { EXIT } from "../cli/exit-codes.ts";
import { noPositions } from "../cli/no-positions.ts";
import { parseCount } from "../cli/counts.ts";
import { counted } from "../cli/text.ts";
import { parseDurationMs } from "../cli/durations.ts";
import { sayFreshness } from "../cli/freshness.ts";
import { writeStuck, type Stuck } from "../cli/views/undelivered.ts";
import { spellDuration, unixNanoOf } from "../cli/times.ts";
import type { Client } from "../cli/client.ts";
import type { Verb } from "./verb.ts";

interface Options {
  readonly topic?: string;
  readonly group?: string;
  readonly olderThan: number;
  readonly limit: number;
}

/** Which group on which topic. */
interface Reading {
  readonly cluster: string;
  readonly topic: string;
  readonly consumerGroup: string;
}

const NS_PER_MS = 1_000_000n;
const LIMIT_DEFAULT = 1_000;
/** The most that the server answers with. */
const LIMIT_MAX = 10_000;
const POSITIONS_MAX = 10_000;
/** Half of what the server answers at once: others ask too. */
const QUESTIONS_AT_ONCE = 4;

/** `kafka-trail stuck`: messages that were produced and not delivered. */
export const stuck: Verb = (program, tools) => {
  program
    .command("stuck")
    .summary("messages that were produced and not delivered")
    .description(
      "Lists messages that a consumer group has not dealt with: of every group on every topic, or of those named.\nOn a pipe: one message a line.",
    )
    .option("--topic <topic>", "only of this topic")
    .option("--group <group>", "only for this consumer group")
    .addOption(
      new Option("--older-than <duration>", "appended at least so long ago")
        .default(60_000, "60s")
        .argParser(parseDurationMs),
    )
    .addOption(
      new Option("--limit <count>", "at most so many of each group and topic")
        .default(LIMIT_DEFAULT)
        .argParser(parseCount(LIMIT_MAX)),
    )
    .action(async ({ topic, group, olderThan, limit }: Options) => {
      const { client, output, exit } = tools();
      const { rows, freshness } = await client.get<GroupsAnswer>("/api/v1/groups", {
        topic,
        consumerGroup: group,
        limit: String(POSITIONS_MAX),
      });
      const answers = await undeliveredOfAll(client, readingsOf(rows), olderThan, limit);
      const found = answers.flatMap(({ reading, answer }) =>
        answer.messages.map((it): Stuck => ({ consumerGroup: reading.consumerGroup, ...it })),
      );
      const cut = answers
        .filter(({ answer }) => answer.next !== null)
        .map(({ reading }) => `${reading.consumerGroup} on ${reading.topic}`);
      output.answer(found, {
        table: (messages, page) => writeStuck(messages, unixNanoOf(freshness.at), page),
        rows: (messages) => messages,
      });
      if (rows.length === 0) {
        // A misspelled group has nothing stuck either: that must not read as good news.
        exit(EXIT.notFound);
        output.say(noPositions(freshness, topic, group));
        return;
      }
      output.say(
        found.length === 0
          ? `Nothing is stuck for ${spellDuration(BigInt(olderThan) * NS_PER_MS)} or longer; see --older-than.`
          : `${counted(found.length, "message")} not delivered.`,
      );
      if (rows.length === POSITIONS_MAX) {
        output.say(
          `Groups have more than ${POSITIONS_MAX} positions, and not all were asked: name --topic or --group.`,
        );
      }
      if (cut.length > 0) output.say(`There are more of ${cut.join(", ")}; see --limit.`);
      sayFreshness(freshness, output);
    });
};

function readingsOf(rows: GroupsAnswer["rows"]): Reading[] {
  const readings = new Map<string, Reading>();
  for (const { cluster, topic, consumerGroup } of rows) {
    readings.set(JSON.stringify([cluster, topic, consumerGroup]), { cluster, topic, consumerGroup });
  }
  return [...readings.values()];
}

async function undeliveredOfAll(
  client: Client,
  readings: readonly Reading[],
  olderThanMs: number,
  limit: number,
): Promise<{ reading: Reading; answer: UndeliveredAnswer }[]> {
  const answers: { reading: Reading; answer: UndeliveredAnswer }[] = [];
  for (let i = 0; i < readings.length; i += QUESTIONS_AT_ONCE) {
    const asked = readings.slice(i, i + QUESTIONS_AT_ONCE).map(async (reading) => ({
      reading,
      answer: await undeliveredOf(client, reading, olderThanMs, limit),
    }));
    answers.push(...(await Promise.all(asked)));
  }
  return answers;
}

function undeliveredOf(
  client: Client,
  { cluster, topic, consumerGroup }: Reading,
  olderThanMs: number,
  limit: number,
): Promise<UndeliveredAnswer> {
  return client.get("/api/v1/undelivered", {
    cluster: cluster || undefined,
    topic,
    consumerGroup,
    olderThanMs: String(olderThanMs),
    limit: String(limit),
  });
}
