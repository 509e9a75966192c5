/** A fault planted in the text of one SQL function when it is loaded. */
export interface SqlMutant {
  readonly name: string;
  /** Name of the file in schema/functions, without its ending. */
  readonly file: string;
  /** Text that must stand there exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** Every wrong rule that somebody might think of as right. */
export const VERDICT_MUTANTS: readonly SqlMutant[] = [
  {
    name: "absence is read as loss",
    file: "40_rules",
    find: "WHEN committed_max > at THEN 'PASSED_UNTRACED'",
    replace: "WHEN committed_max > at THEN 'SKIPPED'",
  },
  {
    name: "nothing waits for the indexer",
    file: "40_rules",
    find: "WHEN committed_max > at AND NOT is_settled THEN 'SETTLING'",
    replace: "WHEN false THEN 'SETTLING'",
  },
  {
    name: "a failed span beats an ok one",
    file: "40_rules",
    find: "WHEN ok_attempts > 0 AND committed_max > at THEN 'DELIVERED'",
    replace: "WHEN ok_attempts > 0 AND failed_attempts = 0 AND committed_max > at THEN 'DELIVERED'",
  },
  {
    name: "an ok span hides a dead letter",
    file: "40_rules",
    find: "WHEN dead_lettered_to IS NOT NULL THEN",
    replace: "WHEN dead_lettered_to IS NOT NULL AND ok_attempts = 0 THEN",
  },
  {
    name: "a group borrows another's attempts",
    file: "43_judge",
    find: "CONTINUE WHEN try_groups[i] IS DISTINCT FROM grp;",
    replace: "",
  },
  {
    name: "a group borrows another's dead letter",
    file: "43_judge",
    find: "copy := array_position(copied_keys, key);",
    replace:
      "copy := (SELECT min(x.i) FROM unnest(copied_keys) WITH ORDINALITY AS x (key, i) WHERE x.key LIKE offsets[k] || '/%');",
  },
  {
    name: "void is counted as missing",
    file: "43_judge",
    find: "SELECT coalesce(range_agg(l.ranges), '{}') INTO hidden FROM",
    replace: "SELECT '{}' INTO hidden FROM",
  },
  {
    name: "a rewind un-delivers",
    file: "43_positions",
    find: "max(p.committed_max) FILTER (WHERE p.partition = in_partition) AS committed_max",
    replace: "max(p.committed) FILTER (WHERE p.partition = in_partition) AS committed_max",
  },
  {
    name: "a list does not wait for the indexer",
    file: "43_judge",
    find: "expired, as_of, through - settle, is_brief);",
    replace: "expired, as_of, through, is_brief);",
  },
  {
    name: "EXPIRED and WAITING change places",
    file: "40_rules",
    find: "WHEN is_expired AND is_settled THEN 'EXPIRED'",
    replace:
      "WHEN committed_max <= at AND is_broker_seen THEN 'WAITING' WHEN is_expired AND is_settled THEN 'EXPIRED'",
  },
  {
    name: "NOT_VISIBLE comes before the attempts",
    file: "40_rules",
    find: "WHEN ok_attempts > 0 AND committed_max > at THEN 'DELIVERED'",
    replace: "WHEN is_hidden THEN 'NOT_VISIBLE' WHEN ok_attempts > 0 AND committed_max > at THEN 'DELIVERED'",
  },
  {
    name: "an old in-progress span is still in progress",
    file: "43_judge",
    find: "h.start_time + h.duration > as_of - interval '2 minutes'",
    replace: "true",
  },
  {
    name: "an old life's spans speak of the new one",
    file: "27_life",
    find: "born_at := coalesce(born_at, '-infinity');",
    replace: "born_at := '-infinity';",
  },
  {
    name: "a broker that was not seen makes groups wait",
    file: "40_rules",
    find: "WHEN committed_max <= at AND is_broker_seen THEN 'WAITING'",
    replace: "WHEN committed_max <= at THEN 'WAITING'",
  },
  {
    name: "a group is told to be set back by the latest of its commits behind the message",
    file: "42_histories",
    find: "ORDER BY x.committed_at LIMIT 1) back",
    replace: "ORDER BY x.committed_at DESC LIMIT 1) back",
  },
  {
    name: "a span id is looked up in every trace",
    file: "42_forwards",
    find: "JOIN attempts a ON a.trace = l.to_trace AND a.span = l.to_span",
    replace: "JOIN attempts a ON a.span = l.to_span",
  },
];
