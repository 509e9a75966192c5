-- What the histories tell of some offsets and groups (see 42_histories.sql), each asked only for what it can tell of.
-- passed_at is in the order of offset and group, of those that a group has passed; for lists, which do not show it, it is left
-- out where all had passed long enough ago.
CREATE OR REPLACE FUNCTION trail_private.passages_of(
  of_topic int, of_incarnation int, in_partition int, offsets bigint[], sent_at timestamptz[], ids int[], committed bigint[],
  committed_max bigint[], expired int8multirange[], as_of timestamptz, settled_until timestamptz, is_brief boolean,
  OUT passed_at timestamptz[], OUT rewound_keys text[], OUT rewinds_to bigint[], OUT rewinds_at timestamptz[],
  OUT expired_offsets bigint[], OUT expired_at timestamptz[], OUT pace_groups int[], OUT paces numeric[]
) LANGUAGE plpgsql STABLE AS $$
DECLARE
  passed_groups int[];
  passed_offsets bigint[];
  passed_sent_at timestamptz[];
  rewound_groups int[];
  rewound_offsets bigint[];
  waiting_groups int[];
  last_sent_at timestamptz;
  is_long_passed boolean := false;
BEGIN
  FOR k IN 1..cardinality(offsets) LOOP
    FOR g IN 1..coalesce(cardinality(ids), 0) LOOP
      IF committed_max[g] > offsets[k] THEN
        passed_groups := passed_groups || ids[g];
        passed_offsets := passed_offsets || offsets[k];
        passed_sent_at := passed_sent_at || sent_at[k];
        last_sent_at := greatest(last_sent_at, sent_at[k]);
        IF committed[g] <= offsets[k] THEN
          rewound_groups := rewound_groups || ids[g];
          rewound_offsets := rewound_offsets || offsets[k];
        END IF;
      ELSIF committed_max[g] <= offsets[k] AND ids[g] <> ALL (coalesce(waiting_groups, '{}')) THEN
        waiting_groups := waiting_groups || ids[g];
      END IF;
      IF expired[g] @> offsets[k] THEN
        expired_offsets := expired_offsets || offsets[k];
      END IF;
    END LOOP;
  END LOOP;
  -- A list only needs to know whether they had passed long enough ago, and most had.
  IF passed_groups IS NOT NULL AND is_brief AND cardinality(ids) = 1 AND expired_offsets IS NULL THEN
    is_long_passed := trail_private.is_passed_by(of_topic, of_incarnation, in_partition, ids[1], passed_offsets[cardinality(passed_offsets)],
      coalesce(last_sent_at - interval '1 hour', '-infinity'), settled_until);
  END IF;
  IF passed_groups IS NOT NULL AND NOT is_long_passed THEN
    passed_at := trail_private.passings_of(of_topic, of_incarnation, in_partition, passed_groups, passed_offsets, passed_sent_at);
  END IF;
  IF rewound_groups IS NOT NULL THEN
    SELECT array_agg(b.at || '/' || b.group_id), array_agg(b.rewound_to), array_agg(b.rewound_at) INTO rewound_keys, rewinds_to, rewinds_at
      FROM trail_private.rewinds_of(of_topic, of_incarnation, in_partition, rewound_groups, rewound_offsets) b;
  END IF;
  IF expired_offsets IS NOT NULL THEN
    SELECT array_agg(t.at), array_agg(t.expired_at) INTO expired_offsets, passages_of.expired_at
      FROM trail_private.takings_of(of_topic, of_incarnation, in_partition, expired_offsets) t;
  END IF;
  IF waiting_groups IS NOT NULL AND NOT is_brief THEN
    SELECT array_agg(p.group_id), array_agg(p.per_second) INTO pace_groups, paces
      FROM trail_private.paces_of(of_topic, of_incarnation, in_partition, waiting_groups, as_of) p;
  END IF;
END $$;

COMMENT ON FUNCTION trail_private.passages_of IS 'What the histories of positions tell of some offsets and groups.';
