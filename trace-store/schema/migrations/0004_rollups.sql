-- Rates and delays per minute: summed up from the spans once a minute is closed, never counted at write.

-- One row is what the spans of one minute tell of one topic, group, service and operation. Sliced by time, dropped with the spans.
CREATE TABLE trail_private.rollups (
  minute            timestamptz NOT NULL,
  spans             int NOT NULL,
  failed            int NOT NULL,
  topic_id          int NOT NULL,
  service_id        int NOT NULL,
  consumer_group_id int,
  operation         smallint NOT NULL,    -- span/vocabulary.ts Operation
  worked_buckets    smallint[] NOT NULL,  -- ceil(ln(milliseconds) / 0.04), -32768 for none; ascending ...
  worked_counts     int[] NOT NULL,       -- ... and how many spans are in each
  waited_buckets    smallint[] NOT NULL,  -- the same of kafka_trail.queue_time_ms, where the span has it
  waited_counts     int[] NOT NULL
) PARTITION BY RANGE (minute);
CREATE UNIQUE INDEX rollups_once ON trail_private.rollups (minute, topic_id, service_id, operation, consumer_group_id) NULLS NOT DISTINCT;

-- One row says that spans of a minute came or went after it might have been closed: to be summed up again. May be there twice.
CREATE TABLE trail_private.rollups_due (
  minute timestamptz NOT NULL
);
CREATE INDEX rollups_due_by_minute ON trail_private.rollups_due (minute);

-- The only row says which minutes are summed up.
CREATE TABLE trail_private.rollup_state (
  is_only         boolean PRIMARY KEY DEFAULT true CONSTRAINT one_row CHECK (is_only),
  closed_through  timestamptz NOT NULL,  -- minutes before are summed up, those in rollups_due excepted
  closing_through timestamptz NOT NULL,  -- minutes before will be, once ...
  closing_xid     xid8 NOT NULL          -- ... no transaction is open that began before this one
);
