-- A poll's or a transaction's trace holds the spans of many messages, of which a trail is about one. So from another trace
-- than the asked one only that is kept which spans lead to, one after the other, in the direction of the walk: towards later,
-- a span that links here or handled what was sent here, with all below it; towards earlier, a span that is linked to or
-- sent what was handled here, with all above it and, as it may be the message's own handling, below it.
CREATE OR REPLACE FUNCTION trail_private.connected(
  INOUT gathered trail_private.spans[], INOUT told trail_private.offset_ranges[], links trail_private.span_links[], asked uuid
) LANGUAGE plpgsql STABLE AS $$
DECLARE
  kept_traces uuid[];
  kept_spans bigint[];
BEGIN
  WITH RECURSIVE s AS MATERIALIZED (
    SELECT DISTINCT u.trace_id, u.span_id, u.parent_span_id, u.topic_id, u.partition, u.message_offset, u.operation FROM unnest(gathered) u
  ), marks AS MATERIALIZED (
    SELECT s.trace_id, s.span_id, s.topic_id, s.partition, s.message_offset AS first_offset, s.message_offset AS last_offset,
      s.operation IN (1, 2) AS is_sent
    FROM s WHERE s.operation IN (1, 2, 3, 4, 6) AND s.message_offset IS NOT NULL
    UNION
    SELECT r.trace_id, r.span_id, r.topic_id, r.partition, r.first_offset, r.last_offset, r.role = 1
    FROM unnest(told) r WHERE r.role IN (1, 2, 3, 10, 11)
  ), ways AS MATERIALIZED (
    -- From cause to effect. The tree of the asked trace leads nowhere else: all of it is kept.
    SELECT s.trace_id AS from_trace, s.parent_span_id AS from_span, s.trace_id AS to_trace, s.span_id AS to_span, true AS is_tree
    FROM s WHERE s.parent_span_id IS NOT NULL AND s.trace_id <> asked
    UNION
    SELECT l.to_trace_id, l.to_span_id, l.trace_id, l.span_id, false FROM unnest(links) l
    UNION
    SELECT a.trace_id, a.span_id, b.trace_id, b.span_id, false
    FROM marks a JOIN marks b ON b.topic_id = a.topic_id AND b.partition = a.partition
      AND b.first_offset <= a.last_offset AND b.last_offset >= a.first_offset
    WHERE a.is_sent AND NOT b.is_sent
  ), start AS MATERIALIZED (
    SELECT s.trace_id AS trace, s.span_id AS span FROM s WHERE s.trace_id = asked
    UNION
    -- A message may have a context of its own without a span.
    SELECT l.to_trace_id, l.to_span_id FROM unnest(links) l WHERE l.to_trace_id = asked
  ), later AS (
    SELECT start.trace, start.span FROM start
    UNION
    SELECT w.to_trace, w.to_span FROM later k JOIN ways w ON w.from_trace = k.trace AND w.from_span = k.span
  ), earlier AS (
    SELECT start.trace, start.span, false AS is_tree FROM start
    UNION
    SELECT w.from_trace, w.from_span, w.is_tree FROM earlier k JOIN ways w ON w.to_trace = k.trace AND w.to_span = k.span
  ), below AS (
    SELECT k.trace, k.span FROM earlier k WHERE k.trace <> asked AND NOT k.is_tree
    UNION
    SELECT w.to_trace, w.to_span FROM below k JOIN ways w ON w.is_tree AND w.from_trace = k.trace AND w.from_span = k.span
  ), kept AS (
    SELECT trace, span FROM later UNION SELECT trace, span FROM earlier UNION SELECT trace, span FROM below
  )
  SELECT array_agg(k.trace), array_agg(k.span) INTO kept_traces, kept_spans FROM kept k;
  SELECT coalesce(array_agg(s), '{}') INTO gathered FROM unnest(gathered) s
    WHERE s.trace_id = asked OR (s.trace_id, s.span_id) IN (SELECT k.t, k.s FROM unnest(kept_traces, kept_spans) AS k (t, s));
  SELECT coalesce(array_agg(r), '{}') INTO told FROM unnest(told) r
    WHERE r.trace_id = asked OR (r.trace_id, r.span_id) IN (SELECT k.t, k.s FROM unnest(kept_traces, kept_spans) AS k (t, s));
END $$;

COMMENT ON FUNCTION trail_private.connected IS 'Of the spans and ranges of several traces, those that lead to the asked trace or from it.';
