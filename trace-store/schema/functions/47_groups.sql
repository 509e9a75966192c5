CREATE OR REPLACE VIEW trail.groups AS
SELECT
  t.cluster, g.name AS consumer_group, s.state, s.members, t.name AS topic, p.partition, p.committed, p.committed_at,
  l.log_start, l.log_end,
  greatest(0, l.log_end - greatest(p.committed, l.log_start)) - coalesce(v.void, 0) AS lag_messages,
  trail_private.length_of(p.expired) AS expired_messages,
  p.first_position, p.first_seen_at, p.committed < p.committed_max AS is_rewound
FROM trail_private.group_positions p
JOIN trail_private.consumer_groups g USING (consumer_group_id)
JOIN trail_private.topics t USING (topic_id)
JOIN trail_private.log_positions l USING (topic_id, incarnation, partition)
LEFT JOIN trail_private.group_states s USING (consumer_group_id)
LEFT JOIN LATERAL (
  SELECT sum(trail_private.length_of(x.ranges * int8multirange(int8range(greatest(p.committed, l.log_start), l.log_end)))) AS void
  FROM trail_private.ledger x
  WHERE x.topic_id = p.topic_id AND x.incarnation = p.incarnation AND x.partition = p.partition AND x.consumer_group_id = -1
    AND NOT x.sampled AND x.block >= p.committed / 65536 AND p.committed < l.log_end AND l.log_start < l.log_end
) v ON true
WHERE p.gone_at IS NULL
  AND p.incarnation = (SELECT max(i.incarnation) FROM trail_private.topic_incarnations i WHERE i.topic_id = p.topic_id)
  AND NOT EXISTS (SELECT FROM trail_private.source_offsets o WHERE o.topic = t.name);

COMMENT ON VIEW trail.groups IS 'Every consumer group on every partition it has an offset on: where it stands, what lies before it (void offsets not counted), and what retention took from it. members is NULL where nobody can count them, as for groups of the new protocol.';
