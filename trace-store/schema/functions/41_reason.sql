-- What a verdict rests on, in words.
CREATE OR REPLACE FUNCTION trail_private.reason_of(
  ruling text, at bigint, grp text, service text, ok bigint, failed bigint, is_tried boolean, committed bigint, committed_max bigint,
  first_position bigint, is_traced boolean, is_held boolean, is_gone boolean, is_broker_seen boolean, ended_at timestamptz,
  copied_to text, log_start bigint
) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT CASE ruling
    WHEN 'DEAD_LETTERED' THEN format('its dead letter was sent to %s', copied_to)
      || CASE WHEN grp IS NULL THEN format(' by service %s; its spans do not name their group', service) ELSE '' END
    WHEN 'FORWARDED' THEN format('a copy was sent to %s, whose outcome counts', copied_to)
      || CASE WHEN grp IS NULL THEN format('; by service %s, whose spans do not name their group', service) ELSE '' END
    WHEN 'DELIVERED' THEN format('an attempt was ok, and the group has committed %s', committed_max)
    WHEN 'PROCESSED' THEN CASE
      WHEN grp IS NULL THEN format('an attempt by service %s was ok; its spans do not name their group, so no commit can be told', service)
      WHEN committed IS NULL THEN 'an attempt was ok; no committed offset of the group is known here'
      ELSE format('an attempt was ok; the group has committed %s, which is not past it', committed) END
    WHEN 'PROCESSING' THEN 'an attempt is in progress'
    WHEN 'RETRYING' THEN CASE
      WHEN grp IS NULL THEN format('%s attempt(s) by service %s failed; its spans do not name their group, so no commit can be told', failed, service)
      WHEN committed IS NULL THEN format('%s attempt(s) failed; no committed offset of the group is known here', failed)
      ELSE format('%s attempt(s) failed, and the group has not committed past it', failed) END
    WHEN 'FAILED' THEN format('the last of %s attempt(s) failed, and the group has committed %s', failed, committed)
    WHEN 'NOT_VISIBLE' THEN 'the message is hidden: its transaction was aborted, or it is a marker or compacted away'
    WHEN 'BEFORE_GROUP' THEN format('%s is the first position at which the group was seen', first_position)
      || CASE WHEN service IS NOT NULL THEN format('; %s handled the message, in spans that name no group', service) ELSE '' END
    WHEN 'EXPIRED' THEN format('the log began at %s before the group had committed past the message', log_start)
    WHEN 'WAITING' THEN CASE
      WHEN committed IS NULL THEN 'the group has not committed on this partition yet'
      ELSE format('the group has committed %s', committed) END
    WHEN 'SETTLING' THEN CASE
      WHEN failed > 0 THEN format('%s attempt(s) failed and the group has committed %s; a later attempt may not be stored yet', failed, committed)
      ELSE 'the group has gone past it so lately that its span may not be stored yet' END
    WHEN 'SKIPPED' THEN 'a session of the group jumped over it, by seek or reset'
    WHEN 'PASSED_UNTRACED' THEN format('the group has committed %s; ', committed_max) || CASE
      WHEN is_held THEN 'a session of it was handed the message, and the span of its handling is missing'
      WHEN is_traced THEN 'its spans are sampled, or this one was lost'
      WHEN service IS NOT NULL AND NOT is_tried THEN format('%s handled the message, in spans that name no group', service)
      ELSE 'no spans name it' END
    ELSE CASE
      WHEN is_tried AND ok = 0 AND failed = 0 THEN format('an attempt was in progress until %s, and nothing was heard since', ended_at)
      WHEN is_gone THEN 'the group''s offset is not shown any more: it was deleted, or the watcher may not see the group'
      WHEN NOT is_broker_seen THEN 'the broker''s offsets were not looked at lately'
      WHEN committed IS NULL THEN 'the group has no committed offset on this partition, and may have begun after the message'
      ELSE 'no evidence tells' END
  END
$$;

COMMENT ON FUNCTION trail_private.reason_of IS 'What a verdict rests on, in words.';

-- How it was concluded that a handling whose span tells no offset was of this message: see with_unplaced.
CREATE OR REPLACE FUNCTION trail_private.lead_of(ruling text, lead int, failed bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN coalesce(lead, 0) = 0 OR ruling NOT IN ('DEAD_LETTERED', 'FORWARDED', 'DELIVERED', 'PROCESSED', 'RETRYING', 'FAILED') THEN ''
    WHEN lead = 20 THEN '; its span tells no offset, but leads to the sender of this message'
    ELSE '; its span tells no offset, but links to the senders of several messages, this one''s among them'
      || CASE WHEN failed > 0 THEN ', and not which of them failed' ELSE '' END
  END
$$;

COMMENT ON FUNCTION trail_private.lead_of IS 'By what an attempt without an offset is one of this message, in words.';

CREATE OR REPLACE FUNCTION trail_private.doubt_of(service text, copied_to text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT format('service %s handled several messages in one span, this one among them, and sent to %s from there; which of them, its spans do not tell', service, copied_to)
$$;

COMMENT ON FUNCTION trail_private.doubt_of IS 'Why an attempt that was ok does not tell what became of a message, in words.';

CREATE OR REPLACE FUNCTION trail_private.loose_doubt_of(service text, copied_to text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT format('service %s handled it, and then sent a message with its key to %s; whether that is a copy of this one, its spans do not tell', service, copied_to)
$$;

COMMENT ON FUNCTION trail_private.loose_doubt_of IS 'Why a handling that was ok does not tell what became of a message, where a copy may be of it.';

CREATE OR REPLACE FUNCTION trail_private.handed_of(service text, times bigint, failed bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT format('service %s was handed the message with others %s time(s); its spans of a batch are all alike, and do not tell what became of this one', service, times)
    || CASE WHEN failed > 0 THEN format('; %s of the batches failed', failed) ELSE '' END
$$;

COMMENT ON FUNCTION trail_private.handed_of IS 'Why a message''s part in a batch does not tell what became of it, in words.';
