-- The first and the last start of a stored span, exactly: the oldest and the newest slice that hold any, each asked
-- through its index on (service_id, start_time), once per service.
-- As its owner: a reader has rights on the sliced table, and none on a slice by name.
CREATE OR REPLACE FUNCTION trail_private.holds(OUT holds_from timestamptz, OUT holds_to timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  is_distributed boolean := to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL;
  slices regclass[];
  slice regclass;
  is_filled boolean;
  odd_from timestamptz;
  odd_to timestamptz;
BEGIN
  SELECT array_agg(c.oid::regclass ORDER BY substring(pg_get_expr(c.relpartbound, c.oid) FROM $r$FROM \('([^']+)'\)$r$)::timestamptz)
    INTO slices FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'trail_private.spans'::regclass AND NOT i.inhdetachpending;
  FOREACH slice IN ARRAY coalesce(slices, '{}') LOOP
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM %s)', slice) INTO is_filled;
    IF is_filled THEN
      EXECUTE trail_private.edge_of(slice, 'min', is_distributed) INTO holds_from;
      EXIT;
    END IF;
  END LOOP;
  FOR i IN REVERSE coalesce(cardinality(slices), 0)..1 LOOP
    EXIT WHEN holds_from IS NULL;
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM %s)', slices[i]) INTO is_filled;
    IF is_filled THEN
      EXECUTE trail_private.edge_of(slices[i], 'max', is_distributed) INTO holds_to;
      EXIT;
    END IF;
  END LOOP;
  IF holds_from IS NULL THEN
    SELECT min(start_time), max(start_time) INTO odd_from, odd_to FROM trail_private.odd_time_spans;
    holds_from := odd_from;
    holds_to := odd_to;
  END IF;
END $$;

COMMENT ON FUNCTION trail_private.holds IS 'The first and the last start of a stored span.';

-- On Citus LATERAL into spans is refused, and its workers scan a slice side by side.
CREATE OR REPLACE FUNCTION trail_private.edge_of(slice regclass, edge text, is_distributed boolean)
RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN is_distributed THEN format('SELECT %s(start_time) FROM %s', edge, slice) ELSE
    format('SELECT %s(e.start_time) FROM trail_private.services v CROSS JOIN LATERAL (
      SELECT s.start_time FROM %s s WHERE s.service_id = v.service_id ORDER BY s.start_time %s LIMIT 1) e',
      edge, slice, CASE edge WHEN 'min' THEN 'ASC' ELSE 'DESC' END) END
$$;

COMMENT ON FUNCTION trail_private.edge_of IS 'The statement that asks one slice for its first or last start.';

-- A partition of the span topic is stored up to t when the offset to be read next is not before what the log end was at t.
-- NULL: there is a span topic, and no watcher has told its log end.
CREATE OR REPLACE FUNCTION trail_private.indexed_through(as_of timestamptz)
RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE
  through timestamptz;
  behind record;
BEGIN
  WITH latest AS (
    SELECT DISTINCT ON (s.topic, s.partition) s.topic, s.partition, s.next_offset
    FROM trail_private.source_offsets s ORDER BY s.topic, s.partition, s.updated_at DESC
  ), ends AS (
    SELECT l.topic, l.partition, l.next_offset, p.topic_id, p.incarnation, p.log_end, p.swept_at
    FROM latest l
    LEFT JOIN LATERAL (
      SELECT lp.*, w.swept_at FROM trail_private.topics t
      JOIN trail_private.log_positions lp ON lp.topic_id = t.topic_id
      JOIN trail_private.watchers w ON w.cluster = t.cluster
      WHERE t.name = l.topic AND lp.partition = l.partition
      ORDER BY w.swept_at DESC NULLS LAST, lp.incarnation DESC LIMIT 1) p ON true
  )
  SELECT bool_or(e.log_end IS NULL) AS is_unknown, min(e.swept_at) FILTER (WHERE e.next_offset >= e.log_end) AS through,
    array_agg(e.topic_id) FILTER (WHERE e.next_offset < e.log_end) AS topics,
    array_agg(e.incarnation) FILTER (WHERE e.next_offset < e.log_end) AS incarnations,
    array_agg(e.partition) FILTER (WHERE e.next_offset < e.log_end) AS partitions,
    array_agg(e.next_offset) FILTER (WHERE e.next_offset < e.log_end) AS offsets
  INTO behind FROM ends e;
  through := behind.through;
  -- Behind: up to the first look that saw a log end beyond what is stored. Asked apart, as it opens every slice of the history.
  IF behind.topics IS NOT NULL AND NOT behind.is_unknown THEN
    SELECT least(through, min(coalesce((SELECT min(c.observed_at) FROM trail_private.log_position_changes c
        WHERE c.topic_id = u.t AND c.incarnation = u.i AND c.partition = u.p AND c.log_end > u.o), '-infinity')))
      INTO through FROM unnest(behind.topics, behind.incarnations, behind.partitions, behind.offsets) AS u (t, i, p, o);
  END IF;
  RETURN CASE
    WHEN behind.is_unknown THEN NULL
    WHEN through IS NULL THEN as_of
    ELSE least(through, as_of) END;
END $$;

COMMENT ON FUNCTION trail_private.indexed_through IS 'Spans that reached the span topic before this are stored. NULL: nobody can tell.';

CREATE OR REPLACE FUNCTION trail.freshness()
RETURNS TABLE (at timestamptz, holds_from timestamptz, holds_to timestamptz, indexed_through timestamptz, indexer_delay interval)
LANGUAGE plpgsql STABLE ROWS 1 AS $$
DECLARE
  held record;
  through timestamptz := trail_private.indexed_through(now());
BEGIN
  SELECT * INTO held FROM trail_private.holds();
  RETURN QUERY SELECT now(), held.holds_from, held.holds_to, nullif(through, '-infinity'), now() - nullif(through, '-infinity');
END $$;

COMMENT ON FUNCTION trail.freshness IS 'Which time is stored, and how far the indexer is behind the span topic.';

CREATE OR REPLACE VIEW trail.watchers AS
SELECT w.cluster, w.way, w.swept_at, now() - w.swept_at AS age, w.problem, w.poll_ms, w.cluster_id FROM trail_private.watchers w;

COMMENT ON VIEW trail.watchers IS 'What the watcher of each cluster says of itself: which way it reads commits, when it last looked, and why it cannot.';
