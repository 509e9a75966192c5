-- Several spans may tell of one handling. What was received and then handled is judged by the handling, also where the two
-- are in traces of their own (.NET's); a handling that names no group is that of the receive above it; and where a handling
-- has another of the same message below it (two instrumentations at once), the inner one saw what was thrown: an outer one
-- that is ok only says that somebody caught it.
-- The hops are handlings, and stay in the order of offset and start. is_attempt: of each of them.
CREATE OR REPLACE FUNCTION trail_private.attempts_of(INOUT hops trail.hops[], OUT is_attempt boolean[])
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  SELECT array_agg(CASE WHEN r.consumer_group IS NULL THEN h
      ELSE jsonb_populate_record(h, jsonb_build_object('consumer_group', r.consumer_group)) END
      ORDER BY h.message_offset, h.start_unix_nano, h.span_id) INTO hops
    FROM unnest(hops) h
    LEFT JOIN unnest(hops) r ON r.operation = 'receive' AND h.operation = 'process' AND h.consumer_group IS NULL
      AND r.trace_id = h.trace_id AND r.span_id = h.parent_span_id AND r.service = h.service AND r.message_offset = h.message_offset;
  SELECT array_agg(NOT (h.operation = 'receive' AND EXISTS (SELECT FROM unnest(hops) f
        WHERE f.operation = 'process' AND f.message_offset = h.message_offset AND f.service = h.service
          AND f.consumer_group IS NOT DISTINCT FROM h.consumer_group))
      AND NOT (h.operation = 'process' AND h.status = 'ok' AND EXISTS (SELECT FROM unnest(hops) f
        WHERE f.operation = 'process' AND f.message_offset = h.message_offset AND f.trace_id = h.trace_id AND f.parent_span_id = h.span_id
          AND f.consumer_group IS NOT DISTINCT FROM h.consumer_group)))
    INTO is_attempt FROM unnest(hops) h;
END $$;

COMMENT ON FUNCTION trail_private.attempts_of IS 'Some messages'' hops with the groups that their receives name, and which of them count as attempts.';

-- Most instrumentations of handlings leave a failure unset, whatever the program caught (the Java agent's, Python's). What
-- failed right below such a handling is no verdict, as it may have been tried again or mended; but it is worth to be said.
CREATE OR REPLACE FUNCTION trail_private.failed_below(attempts trail.hops[])
RETURNS TABLE (trace_id uuid, span_id text, names text) LANGUAGE plpgsql STABLE ROWS 1 AS $$
DECLARE
  traces uuid[];
  ids bigint[];
  from_time timestamptz;
  to_time timestamptz;
  failed trail_private.spans[];
  some_spans trail_private.spans[];
BEGIN
  -- kafka-trail's own, which count attempts, tell their failures.
  SELECT array_agg(h.trace_id), array_agg(('x' || h.span_id)::bit(64)::bigint), min(h.start_time) - interval '1 minute',
      max(h.start_time + h.duration) + interval '1 minute'
    INTO traces, ids, from_time, to_time FROM unnest(attempts) h
    WHERE h.operation IN ('process', 'receive') AND h.status = 'ok' AND h.attempt IS NULL;
  IF traces IS NULL THEN
    RETURN;
  END IF;
  SELECT array_agg(ROW (s.*)::trail_private.spans) INTO failed FROM (
    SELECT * FROM trail_private.spans s WHERE s.trace_id = ANY (traces) AND s.parent_span_id = ANY (ids) AND s.status = 2
      AND s.operation NOT IN (3, 4, 6) AND s.start_time BETWEEN from_time AND to_time LIMIT 100) s;
  SELECT array_agg(ROW (o.*)::trail_private.spans) INTO some_spans FROM (
    SELECT * FROM trail_private.odd_time_spans o WHERE o.trace_id = ANY (traces) AND o.parent_span_id = ANY (ids) AND o.status = 2
      AND o.operation NOT IN (3, 4, 6) LIMIT 100) o;
  failed := failed || some_spans;
  IF failed IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY
  SELECT f.trace_id, lpad(to_hex(f.parent_span_id), 16, '0'), string_agg(DISTINCT coalesce(n.name, f.detail -> 'inline' ->> 'name'), ', ')
  FROM unnest(failed) f LEFT JOIN trail_private.span_names n ON n.span_name_id = f.span_name_id
  GROUP BY 1, 2;
END $$;

COMMENT ON FUNCTION trail_private.failed_below IS 'What failed right below attempts that are ok themselves.';
