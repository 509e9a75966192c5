CREATE OR REPLACE FUNCTION trail_private.read_trace_id(asked text)
RETURNS uuid LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  hex text := lower(replace(btrim(asked), '-', ''));
BEGIN
  -- A traceparent: version, trace id, span id, flags.
  IF btrim(asked) ~ '^[0-9a-fA-F]{2}-[0-9a-fA-F]{32}-[0-9a-fA-F]{16}-[0-9a-fA-F]{2}' THEN
    hex := lower(substr(btrim(asked), 4, 32));
  END IF;
  IF hex !~ '^[0-9a-f]{32}$' THEN
    RAISE EXCEPTION '"%" is not a trace id. Expected 32 hex characters, the same as a uuid, or a traceparent.', left(asked, 100)
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  RETURN hex::uuid;
END $$;

COMMENT ON FUNCTION trail_private.read_trace_id IS 'Reads a trace id in any of its spellings: 32 hex characters, a uuid, a traceparent.';
