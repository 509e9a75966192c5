-- From the asked trace, two walks that never turn: towards what came later (traces that link here, and whoever handled a
-- message that was sent here), and towards what came earlier (traces that are linked to, and whoever sent a message that
-- was handled here). A walk that turned would gather everything that ever shared a batch with anything.
CREATE OR REPLACE FUNCTION trail.trail(trace_id text, follow_links boolean DEFAULT true, hops_max int DEFAULT 10000)
RETURNS SETOF trail.hops LANGUAGE plpgsql STABLE ROWS 20 AS $$
DECLARE
  asked uuid := trail_private.read_trace_id(trace_id);
  later uuid[] := ARRAY[asked];
  earlier uuid[] := ARRAY[asked];
  new_later uuid[] := later;
  new_earlier uuid[] := earlier;
  found_later uuid[];
  found_earlier uuid[];
  links trail_private.span_links[] := '{}';
  some_links trail_private.span_links[];
  got record;
  places record;
  about record;
  gathered trail_private.spans[] := '{}';
  told trail_private.offset_ranges[] := '{}';
BEGIN
  FOR step IN 1..8 LOOP
    SELECT * INTO got FROM trail_private.gather_traces(new_later || new_earlier, hops_max);
    gathered := gathered || got.gathered;
    told := told || got.told;
    EXIT WHEN NOT follow_links;

    SELECT array_agg(l) INTO some_links FROM trail_private.span_links l WHERE l.to_trace_id = ANY (new_later);
    SELECT some_links || array_agg(ROW (o.*)::trail_private.span_links) INTO some_links
      FROM trail_private.odd_time_span_links o WHERE o.to_trace_id = ANY (new_later);
    links := links || some_links;
    SELECT array_agg(DISTINCT l.trace_id) INTO found_later FROM unnest(some_links) l;
    SELECT array_agg(l) INTO some_links FROM trail_private.span_links l WHERE l.trace_id = ANY (new_earlier);
    SELECT some_links || array_agg(ROW (o.*)::trail_private.span_links) INTO some_links
      FROM trail_private.odd_time_span_links o WHERE o.trace_id = ANY (new_earlier);
    links := links || some_links;
    SELECT array_agg(DISTINCT l.to_trace_id) INTO found_earlier FROM unnest(some_links) l;

    SELECT array_agg(p.topic_id) AS topics, array_agg(p.partition) AS partitions, array_agg(p.message_offset) AS offsets,
      array_agg(p.is_sent) AS is_sent INTO places
    FROM (SELECT * FROM trail_private.places_of(got.gathered, got.told, new_later, new_earlier) LIMIT 200) p;
    IF places.topics IS NOT NULL THEN
      SELECT * INTO about FROM trail_private.gather_places(places.topics, places.partitions, places.offsets);
      SELECT found_later || array_agg(DISTINCT s.trace_id) FILTER (WHERE p.s AND s.role IN (2, 3)),
             found_earlier || array_agg(DISTINCT s.trace_id) FILTER (WHERE NOT p.s AND s.role = 1)
        INTO found_later, found_earlier
      FROM trail_private.roles_of(about.gathered, about.told) s
      JOIN unnest(places.topics, places.partitions, places.offsets, places.is_sent) AS p (t, p, o, s)
        ON p.t = s.topic_id AND p.p = s.partition AND p.o BETWEEN s.first_offset AND s.last_offset;
    END IF;

    SELECT array_agg(DISTINCT x) INTO new_later FROM unnest(found_later) x WHERE x <> ALL (later);
    SELECT array_agg(DISTINCT x) INTO new_earlier FROM unnest(found_earlier) x WHERE x <> ALL (earlier);
    EXIT WHEN new_later IS NULL AND new_earlier IS NULL;
    new_later := coalesce(new_later[1:200], '{}');
    new_earlier := coalesce(new_earlier[1:200], '{}');
    EXIT WHEN cardinality(gathered) + cardinality(told) > hops_max;
    later := later || new_later;
    earlier := earlier || new_earlier;
  END LOOP;
  IF EXISTS (SELECT FROM unnest(gathered) s WHERE s.trace_id <> asked) THEN
    SELECT * INTO got FROM trail_private.connected(gathered, told, links, asked);
    gathered := got.gathered;
    told := got.told;
  END IF;
  gathered := trail_private.with_senders(gathered, told);
  RETURN QUERY
    SELECT h.* FROM trail_private.hops_of(gathered, trail_private.related_ranges(gathered, told, asked)) h LIMIT hops_max;
END $$;

COMMENT ON FUNCTION trail.trail IS 'Every hop around a trace id, oldest first: of the trace itself, of what caused it and of what it caused, over links and over message coordinates. Takes 32 hex characters, a uuid or a traceparent.';
