-- One step over causality. Causes: whoever handled a message and, below that, sent this one (or copied it, by origin).
-- Effects: what was sent below the handling of this one, or names it as its origin.
CREATE OR REPLACE FUNCTION trail_private.related_of(
  topic text, partition int, message_offset bigint, gathered trail_private.spans[], told trail_private.offset_ranges[], rows_max int
) RETURNS TABLE (direction text, hop trail.hops) LANGUAGE plpgsql STABLE ROWS 5 AS $$
DECLARE
  around record;
  traces uuid[];
BEGIN
  SELECT array_agg(DISTINCT s.trace_id) INTO traces FROM unnest(gathered) s;
  IF traces IS NULL THEN
    RETURN;
  END IF;
  SELECT * INTO around FROM trail_private.gather_traces(traces, 5000);
  RETURN QUERY
  WITH RECURSIVE spans AS MATERIALIZED (
    SELECT DISTINCT ON (s.trace_id, s.span_id) s.* FROM unnest(around.gathered) s
  ), mine AS MATERIALIZED (
    SELECT s.trace_id, s.span_id, s.parent_span_id, s.operation IN (1, 2) AS is_send FROM unnest(gathered) s WHERE s.operation IN (1, 2, 3, 4, 6)
  ), below AS (
    SELECT s.trace_id, s.span_id FROM mine m JOIN spans s ON s.trace_id = m.trace_id AND s.parent_span_id = m.span_id WHERE NOT m.is_send
    UNION
    SELECT s.trace_id, s.span_id FROM below b JOIN spans s ON s.trace_id = b.trace_id AND s.parent_span_id = b.span_id
  ), above AS (
    SELECT m.trace_id, m.parent_span_id AS span_id FROM mine m WHERE m.is_send
    UNION
    SELECT s.trace_id, s.parent_span_id FROM above a JOIN spans s ON s.trace_id = a.trace_id AND s.span_id = a.span_id
  ), hops AS MATERIALIZED (
    SELECT h AS hop, h.trace_id, ('x' || h.span_id)::bit(64)::bigint AS id, h.operation, h.topic, h.partition, h.message_offset
    FROM trail_private.hops_of(around.gathered, around.told) h
  ), found AS (
    SELECT 'effect' AS way, h.trace_id, h.id FROM hops h JOIN below b ON b.trace_id = h.trace_id AND b.span_id = h.id
    WHERE h.operation IN ('create', 'send')
    UNION
    SELECT 'effect', r.trace_id, r.span_id FROM unnest(told) r WHERE r.role = 10 AND $3 BETWEEN r.first_offset AND r.last_offset
    UNION
    SELECT 'cause', h.trace_id, h.id FROM hops h JOIN above a ON a.trace_id = h.trace_id AND a.span_id = h.id
    WHERE h.operation IN ('process', 'receive', 'in_progress')
  )
  SELECT DISTINCT f.way, h.hop FROM found f JOIN hops h ON h.trace_id = f.trace_id AND h.id = f.id
  WHERE NOT (h.topic = $1 AND h.partition = $2 AND h.message_offset = $3) OR h.message_offset IS NULL
  LIMIT rows_max;
END $$;

COMMENT ON FUNCTION trail_private.related_of IS 'What is one step away from a message, by the spans and ranges that speak of it.';

CREATE OR REPLACE FUNCTION trail.related(
  topic text, partition int, message_offset bigint, cluster text DEFAULT NULL, rows_max int DEFAULT 100
) RETURNS TABLE (direction text, hop trail.hops) LANGUAGE plpgsql STABLE ROWS 5 AS $$
DECLARE
  topics int[] := trail_private.topic_ids($1, $4);
  life record;
  got record;
BEGIN
  SELECT * INTO life FROM trail_private.life_of(topics, $2, $3, now());
  SELECT * INTO got FROM trail_private.gather_offsets(topics, $2, ARRAY[$3], life.born_at, life.died_at);
  RETURN QUERY SELECT * FROM trail_private.related_of($1, $2, $3, got.gathered, got.told, $5);
END $$;

COMMENT ON FUNCTION trail.related IS 'The messages one step away from a message: what caused it (messages whose handling sent it), and what it caused (messages sent while it was handled, dead letters and retries included).';
