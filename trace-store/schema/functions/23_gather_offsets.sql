-- Every span and range that speaks of any of these offsets of one partition, in one life of the topic, and those spans
-- to which the ranges belong: ranges are found by offset, their spans by trace. Of some groups: their own, and those of none.
-- The offsets are given in ascending order.
CREATE OR REPLACE FUNCTION trail_private.gather_offsets(
  topics int[], in_partition int, offsets bigint[], born_at timestamptz, died_at timestamptz, groups int[] DEFAULT NULL,
  OUT gathered trail_private.spans[], OUT told trail_private.offset_ranges[], OUT is_led boolean, OUT is_unplaced boolean, OUT is_odd boolean, OUT roles smallint[]
) LANGUAGE plpgsql STABLE SET enable_bitmapscan = off AS $$
DECLARE
  some_spans trail_private.spans[];
  some_ranges trail_private.offset_ranges[];
  firsts bigint[] := offsets[1:1];
  lasts bigint[] := offsets[cardinality(offsets):];
  owners int[] := groups || 0;
  traces uuid[];
  span_ids bigint[];
  first_start timestamptz;
  last_start timestamptz;
  is_foreign boolean;
  is_also_foreign boolean;
BEGIN
  told := '{}';
  is_led := false;
  -- Mostly there is nothing of odd times, and one look tells so: a link or a range is there only beside its span.
  -- SELECT 1: of a spread table Citus refuses an EXISTS that selects nothing.
  is_odd := EXISTS (SELECT 1 FROM trail_private.odd_time_spans);
  is_unplaced := EXISTS (SELECT FROM trail_private.unplaced_topics u WHERE u.topic_id = ANY (topics));
  -- is_foreign: whether there is a handling whose sender has to be looked for (with_senders).
  SELECT coalesce(array_agg(s), '{}'), bool_or(s.operation IN (3, 4) AND (is_unplaced OR s.attempt IS NULL)) INTO gathered, is_foreign
    FROM trail_private.spans s
    WHERE s.topic_id = ANY (topics) AND s.partition = in_partition AND s.message_offset = ANY (offsets)
      -- Spans of others that count no attempts may be what leads to the sender.
      AND (groups IS NULL OR s.consumer_group_id IS NULL OR s.consumer_group_id = ANY (groups) OR s.attempt IS NULL);
  -- A look opens every slice: one for all neighbouring blocks, and what lies far apart is not looked through in between.
  IF lasts[1] / 4096 > firsts[1] / 4096 + 1 THEN
    SELECT array_agg(i.first), array_agg(i.last) INTO firsts, lasts FROM (
      SELECT min(b.o) AS first, max(b.o) AS last
      FROM (SELECT o, o / 4096 - dense_rank() OVER (ORDER BY o / 4096) AS island FROM unnest(offsets) o) b GROUP BY b.island) i;
  END IF;
  FOR i IN 1..cardinality(firsts) LOOP
    IF groups IS NULL THEN
      SELECT array_agg(r) INTO some_ranges FROM trail_private.offset_ranges r
        WHERE r.topic_id = ANY (topics) AND r.partition = in_partition
          AND r.first_offset BETWEEN firsts[i] - 4095 AND lasts[i] AND r.last_offset >= firsts[i];
    ELSE
      -- As the index has it: of other groups no row is read.
      SELECT array_agg(r) INTO some_ranges FROM trail_private.offset_ranges r
        WHERE r.topic_id = ANY (topics) AND r.partition = in_partition
          AND r.first_offset BETWEEN firsts[i] - 4095 AND lasts[i] AND r.last_offset >= firsts[i]
          AND coalesce(r.consumer_group_id, 0) = ANY (owners);
    END IF;
    told := told || some_ranges;
  END LOOP;
  IF is_odd THEN
    SELECT array_agg(ROW (o.*)::trail_private.spans) INTO some_spans FROM trail_private.odd_time_spans o
      WHERE o.topic_id = ANY (topics) AND o.partition = in_partition AND o.message_offset = ANY (offsets);
    gathered := gathered || some_spans;
    SELECT array_agg(ROW (o.*)::trail_private.offset_ranges) INTO some_ranges FROM trail_private.odd_time_offset_ranges o
      WHERE o.topic_id = ANY (topics) AND o.partition = in_partition
        AND o.first_offset <= (SELECT max(x) FROM unnest(offsets) x) AND o.last_offset >= (SELECT min(x) FROM unnest(offsets) x);
    told := told || some_ranges;
  END IF;

  -- Only now: beside the coordinates, a bound on the time made Postgres take the index on (service_id, start_time), 8 ms
  -- instead of 0.4.
  IF born_at > '-infinity' OR died_at < 'infinity' THEN
    SELECT coalesce(array_agg(s), '{}') INTO gathered FROM unnest(gathered) s WHERE s.start_time >= born_at AND s.start_time < died_at;
    SELECT coalesce(array_agg(r), '{}') INTO told FROM unnest(told) r WHERE r.start_time >= born_at AND r.start_time < died_at;
  END IF;

  IF cardinality(told) > 0 THEN
    -- A batch's range is cut down to what was asked for: its other messages would only be spread out to be thrown away.
    -- Traces and spans: settling spans and sessions are judged by their ranges alone.
    SELECT coalesce(array_agg(c.cut), '{}'), array_agg(c.trace_id) FILTER (WHERE c.role IN (1, 2, 3, 10, 11)),
        array_agg(c.span_id) FILTER (WHERE c.role IN (1, 2, 3, 10, 11)), min(c.start_time) FILTER (WHERE c.role IN (1, 2, 3, 10, 11)),
        max(c.start_time) FILTER (WHERE c.role IN (1, 2, 3, 10, 11)), array_agg(c.role)
      INTO told, traces, span_ids, first_start, last_start, roles FROM (
        SELECT (r.start_time, r.span_id, lower(piece), upper(piece) - 1,
          r.topic_id, r.partition, r.consumer_group_id, r.role, r.trace_id)::trail_private.offset_ranges AS cut,
          r.trace_id, r.span_id, r.start_time, r.role
        FROM unnest(told) r
        CROSS JOIN LATERAL unnest(int8multirange(int8range(r.first_offset, r.last_offset, '[]'))
          * (SELECT range_agg(int8range(o, o, '[]')) FROM unnest(offsets) o)) AS piece) c;
  END IF;
  IF traces IS NOT NULL THEN
    -- A range has its span's start: only those slices are opened. Not "= ANY (starts)": that closes none, and takes another index.
    SELECT array_agg(s), bool_or(s.operation IN (3, 4) AND s.message_offset IS NOT NULL AND (is_unplaced OR s.attempt IS NULL))
      INTO some_spans, is_also_foreign FROM trail_private.spans s
      WHERE s.trace_id = ANY (traces) AND s.span_id = ANY (span_ids) AND s.start_time BETWEEN first_start AND last_start;
    gathered := gathered || some_spans;
    IF is_odd THEN
      SELECT array_agg(ROW (o.*)::trail_private.spans) INTO some_spans
        FROM trail_private.odd_time_spans o WHERE o.trace_id = ANY (traces) AND o.span_id = ANY (span_ids);
      gathered := gathered || some_spans;
    END IF;
  END IF;
  IF is_foreign OR is_also_foreign OR is_odd THEN
    gathered := trail_private.with_senders(gathered, told, is_unplaced);
  END IF;
  -- Only of topics with such spans: elsewhere this costs one look into a tiny table.
  IF is_unplaced THEN
    SELECT u.gathered, u.told, u.is_led INTO gathered, told, is_led FROM trail_private.with_unplaced(topics, in_partition, offsets, gathered, told) u;
  END IF;
END $$;

COMMENT ON FUNCTION trail_private.gather_offsets IS 'Fetches the spans and ranges that speak of some messages of one partition; is_led: some of them only by their senders; is_unplaced: the topic has handlings whose spans tell no offset; is_odd: there are spans of odd times; roles: of the ranges, before what their senders tell.';
