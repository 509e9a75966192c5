-- One element per group that ever committed on the topic, with its offset on this partition, if it has one there; and per
-- other group that has only attempts or copies. By name, services that name no group last.
CREATE OR REPLACE FUNCTION trail_private.positions_on(
  of_topic int, of_incarnation int, in_partition int, only_ids int[], others text[],
  OUT groups text[], OUT ids int[], OUT sinces timestamptz[], OUT committed bigint[], OUT committed_max bigint[],
  OUT firsts bigint[], OUT are_gone boolean[], OUT expired int8multirange[], OUT members int[], OUT are_states_known boolean[]
) LANGUAGE plpgsql STABLE AS $$
BEGIN
  SELECT array_agg(x.name), array_agg(x.group_id), array_agg(x.since), array_agg(x.committed), array_agg(x.committed_max),
      array_agg(x.first_position), array_agg(x.is_gone), array_agg(x.expired), array_agg(x.members), array_agg(x.is_state_known)
    INTO groups, ids, sinces, positions_on.committed, positions_on.committed_max, firsts, are_gone, positions_on.expired, members, are_states_known
    FROM (
      SELECT coalesce(g.name, u.name) AS name, x.*, st.members, st.consumer_group_id IS NOT NULL AS is_state_known
      FROM (
        SELECT p.consumer_group_id AS group_id, min(p.first_seen_at) AS since,
          max(p.committed) FILTER (WHERE p.partition = in_partition) AS committed,
          max(p.committed_max) FILTER (WHERE p.partition = in_partition) AS committed_max,
          min(p.first_position) FILTER (WHERE p.partition = in_partition) AS first_position,
          coalesce(bool_and(p.gone_at IS NOT NULL) FILTER (WHERE p.partition = in_partition), bool_and(p.gone_at IS NOT NULL)) AS is_gone,
          (array_agg(p.expired) FILTER (WHERE p.partition = in_partition))[1] AS expired
        FROM trail_private.group_positions p
        WHERE p.topic_id = of_topic AND p.incarnation = of_incarnation AND (only_ids IS NULL OR p.consumer_group_id = ANY (only_ids))
        GROUP BY p.consumer_group_id) x
      JOIN trail_private.consumer_groups g ON g.consumer_group_id = x.group_id
      LEFT JOIN trail_private.group_states st ON st.consumer_group_id = x.group_id
      FULL JOIN (SELECT DISTINCT unnest(others) AS name) u ON u.name = g.name
      ORDER BY left(coalesce(g.name, u.name), 1) = chr(1), 1) x;
END $$;

COMMENT ON FUNCTION trail_private.positions_on IS 'Where the groups of a topic stand on one partition.';

-- Which groups' spans tell of a partition, and from where on: their first blocks.
CREATE OR REPLACE FUNCTION trail_private.traced_on(topics int[], of_incarnation int, in_partition int, OUT groups text[], OUT told_from bigint[])
LANGUAGE plpgsql STABLE AS $$
BEGIN
  SELECT array_agg(t.name), array_agg(t.told_from) INTO groups, traced_on.told_from FROM (
    SELECT g.name, min(lower(f.ranges)) AS told_from
    FROM (SELECT DISTINCT ON (l.topic_id, l.consumer_group_id) l.consumer_group_id, l.ranges FROM trail_private.ledger l
      WHERE l.topic_id = ANY (topics) AND l.incarnation = of_incarnation AND l.partition = in_partition AND l.consumer_group_id > 0
      ORDER BY l.topic_id, l.consumer_group_id, l.block) f
    JOIN trail_private.consumer_groups g USING (consumer_group_id)
    GROUP BY g.name) t;
END $$;

COMMENT ON FUNCTION trail_private.traced_on IS 'The groups whose spans tell of a partition, and from which offset on.';
