-- What the histories of positions tell about messages. Each looks only where there is something to look for, and once for
-- all of it: opening every slice of a history is most of what a look costs.

-- When each group passed each offset: its first commit beyond. Nobody commits past a message before it is sent, an hour is
-- left to clocks that do not agree: the look begins there, goes on in the order of time, and ends at the first commit it
-- finds. Most are passed within an hour, so that the first look opens those slices alone (0.3 ms instead of 1.1 over 27
-- slices); the second opens all later ones. Where neither finds one, a clock was wrong by more, or nobody knows when the
-- message was sent: then all of the history is looked through.
CREATE OR REPLACE FUNCTION trail_private.passings_of(
  of_topic int, of_incarnation int, in_partition int, groups int[], offsets bigint[], sent_at timestamptz[])
RETURNS timestamptz[] LANGUAGE plpgsql STABLE SET enable_bitmapscan = off AS $$
DECLARE
  times timestamptz[];
  low timestamptz;
  high timestamptz;
BEGIN
  SELECT min(s) - interval '1 hour', max(s) + interval '1 hour' INTO low, high FROM unnest(sent_at) AS s;
  FOR look IN 1..3 LOOP
    IF look = 3 OR low IS NULL THEN
      low := '-infinity';
      high := 'infinity';
    END IF;
    -- The bounds are the same for all, so that other slices are not even opened.
    SELECT array_agg(coalesce(asked.t, passed.committed_at) ORDER BY asked.n) INTO times
    FROM unnest(groups, offsets, sent_at, coalesce(times, sent_at[1:0])) WITH ORDINALITY AS asked (g, o, s, t, n)
    LEFT JOIN LATERAL (
      SELECT x.committed_at FROM trail_private.group_position_changes x
      WHERE x.topic_id = of_topic AND x.incarnation = of_incarnation AND x.partition = in_partition
        AND x.consumer_group_id = asked.g AND x.committed > asked.o AND asked.t IS NULL
        AND x.committed_at >= CASE WHEN low = '-infinity' THEN low ELSE asked.s - interval '1 hour' END
        AND x.committed_at BETWEEN low AND high
      ORDER BY x.committed_at LIMIT 1) passed ON true;
    EXIT WHEN low = '-infinity' OR array_position(times, NULL) IS NULL;
    high := 'infinity';
  END LOOP;
  RETURN times;
END $$;

COMMENT ON FUNCTION trail_private.passings_of IS 'When each group committed past each offset, in the order asked; NULL: no commit tells.';

-- Whether a group was past an offset at a time: its last commit until then was. Where that is all that is asked, this is
-- one look for the highest of many offsets.
CREATE OR REPLACE FUNCTION trail_private.is_passed_by(
  of_topic int, of_incarnation int, in_partition int, of_group int, at bigint, from_time timestamptz, to_time timestamptz)
RETURNS boolean LANGUAGE plpgsql STABLE SET enable_bitmapscan = off AS $$
DECLARE
  reached bigint;
BEGIN
  SELECT x.committed INTO reached FROM trail_private.group_position_changes x
    WHERE x.topic_id = of_topic AND x.incarnation = of_incarnation AND x.partition = in_partition
      AND x.consumer_group_id = of_group AND x.committed_at BETWEEN from_time AND to_time
    ORDER BY x.committed_at DESC LIMIT 1;
  RETURN coalesce(reached > at, false);
END $$;

COMMENT ON FUNCTION trail_private.is_passed_by IS 'True where the last commit of a group between two times is past an offset.';

-- When retention took each offset.
CREATE OR REPLACE FUNCTION trail_private.takings_of(of_topic int, of_incarnation int, in_partition int, offsets bigint[])
RETURNS TABLE (at bigint, expired_at timestamptz) LANGUAGE plpgsql STABLE ROWS 5 AS $$
BEGIN
  IF offsets IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY
    WITH moves AS MATERIALIZED (
      SELECT x.log_start, min(x.observed_at) AS observed_at FROM trail_private.log_position_changes x
      WHERE x.topic_id = of_topic AND x.incarnation = of_incarnation AND x.partition = in_partition
        AND x.log_start > (SELECT min(o) FROM unnest(offsets) o)
      GROUP BY x.log_start)
    SELECT o, (SELECT min(m.observed_at) FROM moves m WHERE m.log_start > o) FROM unnest(offsets) AS o;
END $$;

COMMENT ON FUNCTION trail_private.takings_of IS 'When the log was first seen to begin beyond each offset.';

-- The commit that set a group back behind each offset: the first after it was last past it.
CREATE OR REPLACE FUNCTION trail_private.rewinds_of(of_topic int, of_incarnation int, in_partition int, groups int[], offsets bigint[])
RETURNS TABLE (group_id int, at bigint, rewound_to bigint, rewound_at timestamptz) LANGUAGE plpgsql STABLE ROWS 5 AS $$
BEGIN
  IF groups IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY
    SELECT asked.g, asked.o, back.committed, back.committed_at FROM unnest(groups, offsets) AS asked (g, o)
    CROSS JOIN LATERAL (
      SELECT x.committed, x.committed_at FROM trail_private.group_position_changes x
      WHERE x.topic_id = of_topic AND x.incarnation = of_incarnation AND x.partition = in_partition
        AND x.consumer_group_id = asked.g AND x.committed < x.committed_max AND x.committed <= asked.o AND x.committed_max > asked.o
        AND x.committed_at >= (SELECT max(y.committed_at) FROM trail_private.group_position_changes y
          WHERE y.topic_id = of_topic AND y.incarnation = of_incarnation AND y.partition = in_partition
            AND y.consumer_group_id = asked.g AND y.committed > asked.o)
      ORDER BY x.committed_at LIMIT 1) back;
END $$;

COMMENT ON FUNCTION trail_private.rewinds_of IS 'To where, and when, each group was set back behind each offset.';

-- How fast each group went on lately.
CREATE OR REPLACE FUNCTION trail_private.paces_of(of_topic int, of_incarnation int, in_partition int, groups int[], as_of timestamptz)
RETURNS TABLE (group_id int, per_second numeric) LANGUAGE plpgsql STABLE ROWS 5 AS $$
BEGIN
  IF groups IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY
    SELECT x.consumer_group_id,
      (max(x.committed) - min(x.committed)) / nullif(extract(epoch FROM max(x.committed_at) - min(x.committed_at)), 0)
    FROM trail_private.group_position_changes x
    WHERE x.topic_id = of_topic AND x.incarnation = of_incarnation AND x.partition = in_partition
      AND x.consumer_group_id = ANY (groups) AND x.committed_at > as_of - interval '10 minutes' AND x.committed_at <= as_of
    GROUP BY x.consumer_group_id;
END $$;

COMMENT ON FUNCTION trail_private.paces_of IS 'Offsets a second that each group committed in the last ten minutes.';
