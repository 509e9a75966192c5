CREATE OR REPLACE FUNCTION trail_private.length_of(ranges int8multirange) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(sum(upper(r) - lower(r)), 0)::bigint FROM unnest(ranges) r
$$;
COMMENT ON FUNCTION trail_private.length_of IS 'How many offsets a multirange holds.';

CREATE OR REPLACE FUNCTION trail_private.offsets_between(low bigint, high bigint) RETURNS int8multirange LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN low < high THEN int8multirange(int8range(low, high)) ELSE '{}' END
$$;
COMMENT ON FUNCTION trail_private.offsets_between IS 'The offsets from low up to, and not, high; none where that is nothing.';
