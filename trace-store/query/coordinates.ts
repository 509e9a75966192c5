import type { AskedCoordinates } from "./questions.ts";
import { badQuestion } from "./parse-id.ts";

const PARTITION_MAX = 2_147_483_647;
const OFFSET_MAX = 9_223_372_036_854_775_807n;

/**
 * Coordinates within Kafka's own bounds: beyond them Postgres would refuse the number.
 *
 * @throws TrailError `TRAIL_BAD_QUESTION`.
 */
export function checkedCoordinates({ cluster = "", topic, partition, messageOffset }: AskedCoordinates) {
  const offset = String(messageOffset);
  const isLegal =
    Number.isInteger(partition) &&
    partition >= 0 &&
    partition <= PARTITION_MAX &&
    /^\d{1,19}$/.test(offset) &&
    BigInt(offset) <= OFFSET_MAX &&
    !topic.includes("\0");
  if (isLegal) return { cluster, topic, partition, messageOffset: String(BigInt(offset)) };
  throw badQuestion(
    `"${topic.slice(0, 249)}/${partition}/${offset.slice(0, 30)}" is no message's place. Expected topic/partition/offset with a partition of 0 to 2^31-1 and an offset of 0 to 2^63-1.`,
  );
}
