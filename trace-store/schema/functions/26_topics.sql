-- Not every instrumentation names the cluster, and some give the broker's own id where others give a name. So what is
-- stored under a cluster's name, under its id, and under neither is one cluster's, whichever of the two is asked for. What
-- names none belongs to the cluster that is watched without a name; to any, where every one has a name. NULL: any cluster.
CREATE OR REPLACE FUNCTION trail_private.names_of_cluster(asked text)
RETURNS SETOF text LANGUAGE sql STABLE ROWS 3 AS $$
  SELECT asked
  UNION ALL SELECT w.cluster_id FROM trail_private.watchers w WHERE w.cluster = asked
  UNION ALL SELECT w.cluster FROM trail_private.watchers w WHERE w.cluster_id = asked
  UNION ALL SELECT '' WHERE NOT EXISTS (SELECT FROM trail_private.watchers w WHERE w.cluster = '')
$$;

COMMENT ON FUNCTION trail_private.names_of_cluster IS 'The names under which a cluster''s topics and groups are stored.';

-- ARRAY(): the names are asked for once, and not once for every cluster that has such a topic.
CREATE OR REPLACE FUNCTION trail_private.topic_ids(topic text, cluster text)
RETURNS int[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF $2 IS NULL THEN
    RETURN ARRAY(SELECT t.topic_id FROM trail_private.topics t WHERE t.name = $1);
  END IF;
  RETURN ARRAY(SELECT t.topic_id FROM trail_private.topics t
    WHERE t.name = $1 AND t.cluster = ANY (ARRAY(SELECT n FROM trail_private.names_of_cluster($2) n)));
END $$;

COMMENT ON FUNCTION trail_private.topic_ids IS 'The ids under which a topic is stored: by its cluster''s name, by its cluster''s id, and without either.';

CREATE OR REPLACE FUNCTION trail_private.consumer_group_ids(consumer_group text, cluster text)
RETURNS int[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF $2 IS NULL THEN
    RETURN ARRAY(SELECT g.consumer_group_id FROM trail_private.consumer_groups g WHERE g.name = $1);
  END IF;
  RETURN ARRAY(SELECT g.consumer_group_id FROM trail_private.consumer_groups g
    WHERE g.name = $1 AND g.cluster = ANY (ARRAY(SELECT n FROM trail_private.names_of_cluster($2) n)));
END $$;

COMMENT ON FUNCTION trail_private.consumer_group_ids IS 'The ids under which a consumer group is stored, as for topics.';
