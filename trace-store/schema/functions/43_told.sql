-- What ranges tell of some offsets: aborted, held by a session or part of a batch, jumped over. Few messages have any of these.
CREATE OR REPLACE FUNCTION trail_private.told_of(
  told trail_private.offset_ranges[], offsets bigint[], OUT aborted int8multirange, OUT held_keys text[], OUT skipped_keys text[]
) LANGUAGE plpgsql STABLE AS $$
BEGIN
  SELECT coalesce(range_agg(int8range(r.first_offset, r.last_offset, '[]')) FILTER (WHERE r.role = 6), '{}') INTO aborted
    FROM unnest(told) r;
  SELECT array_agg(o.message_offset || '/' || g.name) FILTER (WHERE r.role IN (8, 13)),
      array_agg(o.message_offset || '/' || g.name) FILTER (WHERE r.role = 9)
    INTO held_keys, skipped_keys
    FROM unnest(told) r
    CROSS JOIN LATERAL generate_series(r.first_offset, r.last_offset) AS o (message_offset)
    JOIN trail_private.consumer_groups g ON g.consumer_group_id = r.consumer_group_id
    WHERE r.role IN (8, 9, 13) AND o.message_offset = ANY (offsets);
END $$;

COMMENT ON FUNCTION trail_private.told_of IS 'What ranges tell of some offsets, with "offset/group" as its key.';

-- By what each attempt is one of its message, where a range had to lead to it: see lead_of.
CREATE OR REPLACE FUNCTION trail_private.try_roles_of(told trail_private.offset_ranges[], hops trail.hops[], tries int[], is_led boolean)
RETURNS int[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT array_agg(t.role ORDER BY t.i) FROM (
    SELECT x.i, min(r.role) AS role FROM unnest(tries) WITH ORDINALITY AS x (hop, i)
    LEFT JOIN unnest(told) r ON r.trace_id = (hops[x.hop]).trace_id AND r.span_id = ('x' || (hops[x.hop]).span_id)::bit(64)::bigint
      AND r.first_offset = (hops[x.hop]).message_offset AND (r.role = 13 OR is_led AND r.role IN (20, 21))
    GROUP BY x.i) t);
END $$;

COMMENT ON FUNCTION trail_private.try_roles_of IS 'The roles of the ranges that lead to some attempts, in the order asked; NULL: none does.';
