-- Where each handled message was copied to, with "offset/group" as its key: the highest place of its dead letters, and of its
-- other copies.
CREATE OR REPLACE FUNCTION trail_private.copies_of(
  gathered trail_private.spans[], told trail_private.offset_ranges[], handled_offsets bigint[], handled_groups text[],
  handled_traces uuid[], handled_spans bigint[], handled_from timestamptz, handled_to timestamptz,
  topics int[], in_partition int, is_odd boolean, only_group text,
  OUT keys text[], OUT groups text[], OUT dead_letters text[], OUT retries text[]
) LANGUAGE plpgsql STABLE AS $$
DECLARE
  copied record := trail_private.forwards_of(gathered, told, handled_offsets, handled_groups, handled_traces, handled_spans,
    handled_from, handled_to, topics, in_partition, is_odd);
  grp text;
  key text;
  copy int;
BEGIN
  FOR i IN 1..coalesce(cardinality(copied.offsets), 0) LOOP
    grp := copied.groups[i];
    CONTINUE WHEN grp <> only_group;
    key := copied.offsets[i] || '/' || grp;
    copy := coalesce(array_position(keys, key), coalesce(cardinality(keys), 0) + 1);
    keys[copy] := key;
    groups[copy] := grp;
    IF copied.are_dead_letters[i] THEN
      dead_letters[copy] := greatest(dead_letters[copy], copied.to_places[i]);
    ELSE
      retries[copy] := greatest(retries[copy], copied.to_places[i]);
    END IF;
  END LOOP;
END $$;

COMMENT ON FUNCTION trail_private.copies_of IS 'Where handled messages were copied to, by offset and group.';

-- What was sent below the handling of many messages: it may be a copy of any of them.
CREATE OR REPLACE FUNCTION trail_private.doubted_copies_of(
  told trail_private.offset_ranges[], hops trail.hops[], topics int[], in_partition int, is_odd boolean, only_group text,
  OUT keys text[], OUT copied_to text[]
) LANGUAGE plpgsql STABLE AS $$
DECLARE
  of_many record;
  copied record;
BEGIN
  SELECT array_agg(t.message_offset) AS offsets, array_agg(coalesce(t.consumer_group, chr(1) || t.service)) AS groups,
      array_agg(t.trace_id) AS traces, array_agg(r.span_id) AS spans,
      min(t.start_time) AS started_at, max(t.start_time + t.duration) AS ended_at
    INTO of_many FROM unnest(told) r
    JOIN unnest(hops) t ON t.trace_id = r.trace_id AND ('x' || t.span_id)::bit(64)::bigint = r.span_id AND t.message_offset = r.first_offset
    WHERE r.role = 21 AND (only_group IS NULL OR t.consumer_group = only_group);
  copied := trail_private.forwards_of('{}', '{}', of_many.offsets, of_many.groups, of_many.traces, of_many.spans,
    of_many.started_at, of_many.ended_at, topics, in_partition, is_odd);
  SELECT array_agg(f.key), array_agg(f.to_topics) INTO keys, copied_to
    FROM (SELECT u.o || '/' || u.g AS key, string_agg(DISTINCT u.t, ', ') AS to_topics
      FROM unnest(copied.offsets, copied.groups, copied.to_topics) AS u (o, g, t) GROUP BY 1) f;
END $$;

COMMENT ON FUNCTION trail_private.doubted_copies_of IS 'Topics to which copies of messages may have gone that were handled together, by offset and group.';
