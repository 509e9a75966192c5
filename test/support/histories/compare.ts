import type { ClientBase } from "pg";
import type { History } from "./history.ts";
import { judgeGroups, judgeMessage, lifeOf } from "./model.ts";
import { clusterOf, storeHistories } from "./store-histories.ts";

const SETTLE_MS = 60_000;

/** A verdict on which the store and the model do not agree. */
export interface Difference {
  readonly history: History;
  readonly offset: number;
  readonly store: string;
  readonly model: string;
}

/** What {@link compareHistories} found. */
export interface Comparison {
  readonly verdicts: number;
  readonly differences: readonly Difference[];
  /** How often each verdict was the right one: a generator that never makes one proves nothing about it. */
  readonly counts: Readonly<Record<string, number>>;
}

interface StoreRow {
  index: number;
  at: number;
  grp: string;
  verdict: string;
  attempts: number;
  flags: string[];
  ahead: string | null;
  rewound_to: string | null;
  rewound_at: Date | null;
}

// Offsets of one life are judged together; those that only an older life has, one by one.
const JUDGED = `
  SELECT a.i AS index, j.message_offset::int AS at, j.consumer_group AS grp, j.verdict, j.attempts::int, j.flags,
    j.ahead_messages::text AS ahead, j.rewound_to::text, j.rewound_at
  FROM unnest($1::int[], $2::text[], $3::text[], $4::timestamptz[]) AS a (i, cluster, offsets, as_of)
  CROSS JOIN LATERAL trail_private.judge(trail_private.topic_ids('orders', a.cluster), 'orders', 0, a.offsets::bigint[], NULL,
    a.as_of, make_interval(secs => $5::float8 / 1000)) j`;

// As `undelivered` asks: of one group, and briefly. What it shows must be the same.
const LISTED_OTHERWISE = `
  SELECT a.i AS index, j.message_offset::int AS at, j.consumer_group || ' ' || j.verdict || ': ' || j.why AS alone
  FROM unnest($1::int[], $2::text[], $3::text[], $4::timestamptz[]) AS a (i, cluster, offsets, as_of)
  CROSS JOIN LATERAL trail_private.judge(trail_private.topic_ids('orders', a.cluster), 'orders', 0, a.offsets::bigint[], NULL,
    a.as_of, make_interval(secs => $5::float8 / 1000)) j
  WHERE NOT EXISTS (
    SELECT FROM trail_private.judge(trail_private.topic_ids('orders', a.cluster), 'orders', 0, a.offsets::bigint[], j.consumer_group,
      a.as_of, make_interval(secs => $5::float8 / 1000), NULL, true) b
    WHERE b.message_offset = j.message_offset
      AND (b.verdict, b.why, b.sent_at, b.committed) IS NOT DISTINCT FROM (j.verdict, j.why, j.sent_at, j.committed))`;
/** One history in so many is judged in both ways. */
const LISTED_EVERY = 10;

const MESSAGES = `
  SELECT a.i AS index, a.at::int, v.verdict
  FROM unnest($1::int[], $2::text[], $3::bigint[], $4::timestamptz[]) AS a (i, cluster, at, as_of)
  CROSS JOIN LATERAL trail.message_verdict('orders', 0, a.at, a.cluster, a.as_of) v`;

// As the doors ask. Citus refuses it.
const GENERIC_PLANS = `SELECT CASE WHEN to_regclass('pg_catalog.pg_dist_partition') IS NULL
  THEN set_config('plan_cache_mode', 'force_generic_plan', false) END`;

/** Stores histories and compares every verdict of the store with the model's. The database is the caller's to spoil. */
export async function compareHistories(
  client: ClientBase,
  histories: readonly History[],
): Promise<Comparison> {
  const baseMs = Date.now() - 3_600_000;
  await storeHistories(client, histories, baseMs);
  await client.query(GENERIC_PLANS);
  const asOf = (index: number) => new Date(baseMs + (histories[index] as History).asOfMs);
  const asked = histories.flatMap((history, index) =>
    questionsOf(history).map((offsets) => ({ index, offsets })),
  );
  const valuesOf = (some: typeof asked) => [
    some.map(({ index }) => index),
    some.map(({ index }) => clusterOf(index)),
    some.map(({ offsets }) => `{${offsets.join(",")}}`),
    some.map(({ index }) => asOf(index)),
    SETTLE_MS,
  ];
  const { rows } = await client.query<StoreRow>(JUDGED, valuesOf(asked));
  const store = new Map<string, string[]>();
  for (const row of rows) {
    const key = `${row.index}/${row.at}`;
    store.set(key, [
      ...(store.get(key) ?? []),
      spell(row.grp, row.verdict, row.attempts, row.flags, row.ahead) +
        spellRewound(row.rewound_to, row.rewound_at && row.rewound_at.getTime() - baseMs),
    ]);
  }
  const differences: Difference[] = [];
  const counts: Record<string, number> = {};
  let verdicts = 0;
  for (const { index, offsets } of asked) {
    const history = histories[index] as History;
    for (const offset of offsets) {
      const judged = judgeGroups(history, offset, SETTLE_MS);
      for (const { verdict } of judged) counts[verdict] = (counts[verdict] ?? 0) + 1;
      verdicts += judged.length;
      const model = judged
        .map(
          (it) =>
            spell(it.group, it.verdict, it.attempts, it.flags, it.ahead === null ? null : String(it.ahead)) +
            spellRewound(it.rewound && String(it.rewound.to), it.rewound && it.rewound.atMs),
        )
        .join("\n");
      const answered = (store.get(`${index}/${offset}`) ?? []).toSorted().join("\n");
      if (answered !== model) differences.push({ history, offset, store: answered, model });
    }
  }
  differences.push(...(await compareMessages(client, histories, asOf)));
  const listed = await client.query<{ index: number; at: number; alone: string }>(
    LISTED_OTHERWISE,
    valuesOf(asked.filter(({ index }) => index % LISTED_EVERY === 0)),
  );
  for (const { index, at, alone } of listed.rows) {
    differences.push({
      history: histories[index] as History,
      offset: at,
      store: `${alone}; in a list otherwise`,
      model: "",
    });
  }
  return { verdicts, differences, counts };
}

async function compareMessages(
  client: ClientBase,
  histories: readonly History[],
  asOf: (index: number) => Date,
): Promise<Difference[]> {
  // One of each history: its last offset and the one after it, in turns.
  const asked = histories.map((history, index) => ({
    index,
    offset: Math.max(0, (history.lives.at(-1)?.logEnd ?? 0) - 1 + (index % 2)),
  }));
  const { rows } = await client.query<{ index: number; at: number; verdict: string }>(MESSAGES, [
    asked.map(({ index }) => index),
    asked.map(({ index }) => clusterOf(index)),
    asked.map(({ offset }) => offset),
    asked.map(({ index }) => asOf(index)),
  ]);
  return rows.flatMap(({ index, at, verdict }) => {
    const history = histories[index] as History;
    const model = judgeMessage(history, at);
    return verdict === model ? [] : [{ history, offset: at, store: verdict, model }];
  });
}

function questionsOf(history: History): number[][] {
  const newest = history.lives.at(-1);
  const longest = Math.max(0, ...history.lives.map(({ logEnd }) => logEnd));
  const offsets = Array.from({ length: longest }, (_, i) => i);
  const present = offsets.filter((offset) => lifeOf(history, offset) === newest);
  const older = offsets.filter((offset) => lifeOf(history, offset) !== newest);
  return [...(present.length > 0 ? [present] : []), ...older.map((offset) => [offset])];
}

const spell = (
  group: string,
  verdict: string,
  attempts: number,
  flags: readonly string[],
  ahead: string | null,
): string =>
  `${group} ${verdict} attempts=${attempts} flags=${flags.join(",")}${ahead === null ? "" : ` ahead=${ahead}`}`;

const spellRewound = (to: string | null, atMs: number | null): string =>
  to === null ? "" : ` rewound to ${to} at ${atMs}`;

/** Everything needed to look into a difference by hand. */
export function describeDifference({ history, offset, store, model }: Difference): string {
  const plain = (_: string, value: unknown) =>
    value instanceof Map ? Object.fromEntries(value) : value instanceof Set ? [...value] : value;
  return `Of offset ${offset} the store says\n${store}\nand the model\n${model}\nin ${JSON.stringify(history, plain)}`;
}
