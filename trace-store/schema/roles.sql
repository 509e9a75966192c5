-- Three roles, made where the migrating role may make roles, and granted their rights in any case where they exist.
-- They cannot log in until the operator says so: ALTER ROLE trail_reader LOGIN PASSWORD '...'.
--   trail_owner   owns the tables through membership: GRANT trail_owner TO <the role that runs migrate and retention>
--   trail_writer  stores spans and the broker's truth; makes no tables
--   trail_reader  asks: read-only, and no question longer than 5 seconds

DO $$
DECLARE
  wanted text;
BEGIN
  IF NOT (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user) THEN
    RETURN;
  END IF;
  FOREACH wanted IN ARRAY ARRAY['trail_owner', 'trail_writer', 'trail_reader'] LOOP
    CONTINUE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = wanted);
    -- Roles belong to the whole server: another database's migration may be making the same ones.
    BEGIN
      EXECUTE format('CREATE ROLE %I', wanted);
      IF wanted = 'trail_reader' THEN
        ALTER ROLE trail_reader SET default_transaction_read_only = on;
        ALTER ROLE trail_reader SET statement_timeout = '5s';
      END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      CONTINUE;
    END;
  END LOOP;
END $$;

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'trail_writer') THEN
    GRANT USAGE ON SCHEMA trail, trail_private TO trail_writer;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA trail_private TO trail_writer;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA trail_private TO trail_writer;
    GRANT SELECT ON ALL TABLES IN SCHEMA trail TO trail_writer;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'trail_reader') THEN
    GRANT USAGE ON SCHEMA trail, trail_private TO trail_reader;
    GRANT SELECT ON ALL TABLES IN SCHEMA trail, trail_private TO trail_reader;
  END IF;
END $$;
