-- Not every instrumentation names the cluster, and some give the broker's own id where others give a name. So a cluster's
-- topics are those that name it by its name or by its id, and those that name none. NULL: any cluster.
CREATE OR REPLACE FUNCTION trail_private.topic_ids(topic text, cluster text)
RETURNS int[] LANGUAGE sql STABLE AS $$
  SELECT coalesce(array_agg(t.topic_id), '{}') FROM trail_private.topics t
  WHERE t.name = $1 AND ($2 IS NULL OR t.cluster IN ($2, '')
    OR t.cluster IN (SELECT w.cluster_id FROM trail_private.watchers w WHERE w.cluster = $2))
$$;

COMMENT ON FUNCTION trail_private.topic_ids IS 'The ids under which a topic is stored: by its cluster''s name, by its cluster''s id, and without either.';

CREATE OR REPLACE FUNCTION trail_private.consumer_group_ids(consumer_group text, cluster text)
RETURNS int[] LANGUAGE sql STABLE AS $$
  SELECT coalesce(array_agg(g.consumer_group_id), '{}') FROM trail_private.consumer_groups g
  WHERE g.name = $1 AND ($2 IS NULL OR g.cluster IN ($2, '')
    OR g.cluster IN (SELECT w.cluster_id FROM trail_private.watchers w WHERE w.cluster = $2))
$$;

COMMENT ON FUNCTION trail_private.consumer_group_ids IS 'The ids under which a consumer group is stored, as for topics.';
