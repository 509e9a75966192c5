-- The rules, once: the first that fits is the verdict. Everything else in these files only gathers what they are asked.
-- NULL for a committed offset: none is known. Evidence beats absence, ok beats failed, the broker beats a span.
CREATE OR REPLACE FUNCTION trail_private.group_rule(
  at bigint,
  dead_lettered_to text,
  forwarded_to text,
  ok_attempts bigint,
  failed_attempts bigint,
  is_in_progress boolean,      -- and was seen so lately
  committed bigint,
  committed_max bigint,        -- the highest ever: a rewind never un-delivers
  is_hidden boolean,           -- aborted, or void
  is_before_group boolean,
  is_expired boolean,
  is_broker_seen boolean,      -- the watcher looked lately, and the group still has its offset
  is_sent_since_group boolean, -- sent after the group was first seen on the topic
  is_settled boolean,          -- the indexer is far enough past what happened for absence to mean something
  is_skipped boolean
) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN dead_lettered_to IS NOT NULL THEN 'DEAD_LETTERED'
    WHEN forwarded_to IS NOT NULL THEN 'FORWARDED'
    WHEN ok_attempts > 0 AND committed_max > at THEN 'DELIVERED'
    WHEN ok_attempts > 0 THEN 'PROCESSED'
    WHEN is_in_progress THEN 'PROCESSING'
    WHEN failed_attempts > 0 AND (committed IS NULL OR committed <= at) THEN 'RETRYING'
    WHEN failed_attempts > 0 AND is_settled THEN 'FAILED'
    WHEN failed_attempts > 0 THEN 'SETTLING'
    WHEN is_hidden THEN 'NOT_VISIBLE'
    WHEN is_before_group THEN 'BEFORE_GROUP'
    WHEN is_expired AND is_settled THEN 'EXPIRED'
    WHEN is_expired THEN 'SETTLING'
    WHEN committed_max <= at AND is_broker_seen THEN 'WAITING'
    WHEN committed_max IS NULL AND is_broker_seen AND is_sent_since_group THEN 'WAITING'
    WHEN committed_max > at AND NOT is_settled THEN 'SETTLING'
    WHEN committed_max > at AND is_skipped THEN 'SKIPPED'
    WHEN committed_max > at THEN 'PASSED_UNTRACED'
    ELSE 'UNKNOWN'
  END
$$;

COMMENT ON FUNCTION trail_private.group_rule IS 'The verdict of one message for one consumer group: the first rule that fits.';

CREATE OR REPLACE FUNCTION trail_private.message_rule(
  is_aborted boolean, is_void boolean, is_seen boolean, at bigint, log_end bigint
) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN is_aborted THEN 'ABORTED'
    WHEN is_void THEN 'VOID'
    WHEN is_seen OR at < log_end THEN 'APPENDED'
    ELSE 'UNKNOWN'
  END
$$;

COMMENT ON FUNCTION trail_private.message_rule IS 'The verdict of a message itself: the first rule that fits.';

-- Topics in which dead letters, and messages to be tried again, are put by common practice. ILIKE first: it settles nearly all
-- names, and each look of such a regular expression costs 50 us. What they leave over is in topics.may_hold_copies as well.
CREATE OR REPLACE FUNCTION trail_private.is_dead_letter_topic(topic text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT topic ILIKE ANY ('{%dlq%,%dlt%,%dead%,%parking%,%poison%}')
      AND (topic ~* '(^|[._-])(dlq|dlt|dead[._-]?letters?([._-]?(queue|topic))?|parking[._-]?lot|poison)([._-]|$)'
        -- ordersDLQ ...
        OR topic ~ '[a-z0-9](DLQ|DLT|Dlq|Dlt|DeadLetters?)$')
    -- ... and Spring Cloud Stream's own: error.<destination>.<group>.
    OR topic LIKE 'error.%' AND topic ~ '^error\.[^.].*\.[^.]+$'
$$;
COMMENT ON FUNCTION trail_private.is_dead_letter_topic IS 'True for a name by which dead-letter topics go.';

CREATE OR REPLACE FUNCTION trail_private.is_retry_topic(topic text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT topic ILIKE ANY ('{%retry%,%retries%,%redelivery%,%delay%}') AND topic ~* '(^|[._-])(retry|retries|redelivery|delay(ed)?)([._-]?[0-9]+[a-z]*)?([._-]|$)'
$$;
COMMENT ON FUNCTION trail_private.is_retry_topic IS 'True for a name by which retry topics go.';
