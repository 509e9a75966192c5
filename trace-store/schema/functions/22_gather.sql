-- Where messages lie, in a form that an index on (topic_id, partition, offset) serves: one row per topic, partition and
-- block of 4,096 offsets, which is also how long a range is at most.
CREATE OR REPLACE FUNCTION trail_private.blocks_of(topics int[], partitions int[], offsets bigint[])
RETURNS TABLE (topic_id int, partition int, offsets_in_block bigint[]) LANGUAGE sql IMMUTABLE ROWS 5 AS $$
  SELECT p.t, p.p, array_agg(DISTINCT p.o)
  FROM unnest(topics, partitions, offsets) AS p (t, p, o)
  WHERE p.t IS NOT NULL AND p.p IS NOT NULL AND p.o IS NOT NULL
  GROUP BY p.t, p.p, p.o / 4096
$$;

COMMENT ON FUNCTION trail_private.blocks_of IS 'Messages'' places, grouped so that one look-up each finds them.';

-- Every span and range that speaks of any of these places.
CREATE OR REPLACE FUNCTION trail_private.gather_places(
  topics int[], partitions int[], offsets bigint[],
  OUT gathered trail_private.spans[], OUT told trail_private.offset_ranges[]
) LANGUAGE plpgsql STABLE AS $$
DECLARE
  block record;
  some_spans trail_private.spans[];
  some_ranges trail_private.offset_ranges[];
BEGIN
  gathered := '{}';
  told := '{}';
  FOR block IN SELECT * FROM trail_private.blocks_of(topics, partitions, offsets) LOOP
    SELECT array_agg(s) INTO some_spans FROM trail_private.spans s
      WHERE s.topic_id = block.topic_id AND s.partition = block.partition AND s.message_offset = ANY (block.offsets_in_block);
    gathered := gathered || some_spans;
    SELECT array_agg(r) INTO some_ranges FROM trail_private.offset_ranges r
      WHERE r.topic_id = block.topic_id AND r.partition = block.partition
        AND r.first_offset BETWEEN block.offsets_in_block[1] - 4095 AND block.offsets_in_block[cardinality(block.offsets_in_block)]
        AND r.last_offset >= block.offsets_in_block[1];
    told := told || some_ranges;
  END LOOP;
  SELECT array_agg(ROW (o.*)::trail_private.spans) INTO some_spans FROM trail_private.odd_time_spans o
    WHERE o.topic_id = ANY (topics) AND o.partition = ANY (partitions) AND o.message_offset = ANY (offsets);
  gathered := gathered || some_spans;
  SELECT array_agg(ROW (o.*)::trail_private.offset_ranges) INTO some_ranges FROM trail_private.odd_time_offset_ranges o
    WHERE o.topic_id = ANY (topics) AND o.partition = ANY (partitions)
      AND o.first_offset <= (SELECT max(x) FROM unnest(offsets) x) AND o.last_offset >= (SELECT min(x) FROM unnest(offsets) x);
  told := told || some_ranges;
END $$;

COMMENT ON FUNCTION trail_private.gather_places IS 'Fetches the spans and ranges that speak of messages by their coordinates; a few more than asked for may come along.';

-- Every span and range of some traces.
CREATE OR REPLACE FUNCTION trail_private.gather_traces(
  traces uuid[], spans_max int,
  OUT gathered trail_private.spans[], OUT told trail_private.offset_ranges[]
) LANGUAGE plpgsql STABLE AS $$
DECLARE
  some_spans trail_private.spans[];
  some_ranges trail_private.offset_ranges[];
BEGIN
  SELECT array_agg(ROW (s.*)::trail_private.spans) INTO some_spans FROM (SELECT * FROM trail_private.spans WHERE trace_id = ANY (traces) LIMIT spans_max) s;
  gathered := coalesce(some_spans, '{}');
  SELECT array_agg(ROW (o.*)::trail_private.spans) INTO some_spans
    FROM (SELECT * FROM trail_private.odd_time_spans WHERE trace_id = ANY (traces) LIMIT spans_max) o;
  gathered := gathered || some_spans;
  SELECT array_agg(ROW (r.*)::trail_private.offset_ranges) INTO some_ranges FROM (SELECT * FROM trail_private.offset_ranges WHERE trace_id = ANY (traces) LIMIT spans_max) r;
  told := coalesce(some_ranges, '{}');
  SELECT array_agg(ROW (o.*)::trail_private.offset_ranges) INTO some_ranges
    FROM (SELECT * FROM trail_private.odd_time_offset_ranges WHERE trace_id = ANY (traces) LIMIT spans_max) o;
  told := told || some_ranges;
END $$;

COMMENT ON FUNCTION trail_private.gather_traces IS 'Fetches the spans and ranges of traces, at most spans_max of each.';
