-- Several spans may tell of one handling. What was received and then handled is judged by the handling, also where the two
-- are in traces of their own (.NET's); a handling that names no group is that of the receive above it; and where a handling
-- has another of the same message below it (two instrumentations at once), the inner one saw what was thrown: an outer one
-- that is ok only says that somebody caught it.
CREATE OR REPLACE FUNCTION trail_private.attempts_of(INOUT hops trail.hops[], OUT attempts trail.hops[])
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  is_received boolean;
  handlings text[];
  parents text[];
BEGIN
  attempts := hops;
  SELECT bool_or(h.operation = 'receive'), array_agg(h.span_id) FILTER (WHERE h.operation = 'process'),
      array_agg(h.parent_span_id) FILTER (WHERE h.operation = 'process' AND h.parent_span_id IS NOT NULL)
    INTO is_received, handlings, parents FROM unnest(hops) h;
  IF handlings IS NULL OR NOT (is_received OR coalesce(parents && handlings, false)) THEN
    RETURN;
  END IF;
  SELECT array_agg(CASE WHEN r.consumer_group IS NULL THEN h
      ELSE jsonb_populate_record(h, jsonb_build_object('consumer_group', r.consumer_group)) END) INTO hops
    FROM unnest(hops) h
    LEFT JOIN unnest(hops) r ON r.operation = 'receive' AND h.operation = 'process' AND h.consumer_group IS NULL
      AND r.trace_id = h.trace_id AND r.span_id = h.parent_span_id AND r.service = h.service AND r.message_offset = h.message_offset;
  SELECT array_agg(h) INTO attempts FROM unnest(hops) h
    WHERE NOT (h.operation = 'receive' AND EXISTS (SELECT FROM unnest(hops) f
        WHERE f.operation = 'process' AND f.message_offset = h.message_offset AND f.service = h.service
          AND f.consumer_group IS NOT DISTINCT FROM h.consumer_group))
      AND NOT (h.operation = 'process' AND h.status = 'ok' AND EXISTS (SELECT FROM unnest(hops) f
        WHERE f.operation = 'process' AND f.message_offset = h.message_offset AND f.trace_id = h.trace_id AND f.parent_span_id = h.span_id
          AND f.consumer_group IS NOT DISTINCT FROM h.consumer_group));
END $$;

COMMENT ON FUNCTION trail_private.attempts_of IS 'Of some messages'' hops those that count as attempts, and all of them with the groups that their receives name.';
