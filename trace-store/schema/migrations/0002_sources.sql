-- Where spans came from, and what of it could not be stored.

-- One row is one partition of one life of a span topic. next_offset moves only inside the transaction that stores the spans before it.
CREATE TABLE trail_private.source_offsets (
  cluster_id  text NOT NULL,  -- the broker's own cluster id
  topic       text NOT NULL,
  partition   int NOT NULL,
  incarnation int NOT NULL,   -- 1 for the first life of the topic that we saw
  topic_uuid  text,           -- Kafka's id of the topic, 32 hex characters: another id is another incarnation; NULL where the broker tells none
  next_offset bigint NOT NULL,
  log_start   bigint NOT NULL, -- when it was last looked at: one that went backwards is another life's
  updated_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (cluster_id, topic, partition, incarnation)
);
-- One row is a range of a source that we could not read.
CREATE TABLE trail_private.source_gaps (
  cluster_id   text NOT NULL,
  topic        text NOT NULL,
  partition    int NOT NULL,
  incarnation  int NOT NULL,
  first_offset bigint NOT NULL,
  last_offset  bigint,           -- inclusive; NULL: a life that ended, whose end nobody can tell any more
  reason       text NOT NULL,    -- 'retention', 'topic made anew', 'another cluster'
  seen_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (cluster_id, topic, partition, incarnation, first_offset)
);
-- One row is something that could not be stored, once however often it arrives.
CREATE TABLE trail_private.quarantine (
  hash             bytea PRIMARY KEY,      -- SHA-256 of what is kept of its bytes and of their number; of its coordinates where there are none
  reason           text NOT NULL,
  source           text NOT NULL,          -- 'kafka:<topic>', 'otlp/grpc', 'otlp/http'
  source_partition int,
  source_offset    bigint,
  bytes_total      int NOT NULL,
  bytes            bytea NOT NULL,         -- the first 64 KiB
  seen_at          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX quarantine_by_time ON trail_private.quarantine (seen_at);
