-- The broker's truth, as the watcher saw it, and the ledger of what spans have told. All on the coordinator under Citus.

-- Serve questions that name a topic or a group and no cluster.
CREATE INDEX topics_by_name ON trail_private.topics (name);
CREATE INDEX consumer_groups_by_name ON trail_private.consumer_groups (name);

-- One row is one life of an app's topic: a log end that goes backwards, another cluster or topic id starts a new one.
CREATE TABLE trail_private.topic_incarnations (
  topic_id      int NOT NULL,
  incarnation   int NOT NULL,             -- 1 for the first life that we saw
  topic_uuid    text,                     -- Kafka's topic id where the broker tells it
  first_seen_at timestamptz NOT NULL,
  PRIMARY KEY (topic_id, incarnation)
);
-- One row is the log of one partition now. first_end is the log end at first sight: coverage counts from there.
CREATE TABLE trail_private.log_positions (
  topic_id      int NOT NULL,
  incarnation   int NOT NULL,
  partition     int NOT NULL,
  log_start     bigint NOT NULL,
  log_end       bigint NOT NULL,
  first_end     bigint NOT NULL,
  ledger_from   bigint NOT NULL DEFAULT 0, -- of offsets below, the ledger was dropped: coverage counts from here
  first_seen_at timestamptz NOT NULL,
  observed_at   timestamptz NOT NULL,     -- when it was first seen like this; it still was at watchers.swept_at
  PRIMARY KEY (topic_id, incarnation, partition)
);
-- One row is one change of a partition's log range. Sliced by time, dropped with the spans.
CREATE TABLE trail_private.log_position_changes (
  observed_at timestamptz NOT NULL,
  log_start   bigint NOT NULL,
  log_end     bigint NOT NULL,
  topic_id    int NOT NULL,
  incarnation int NOT NULL,
  partition   int NOT NULL
) PARTITION BY RANGE (observed_at);
CREATE UNIQUE INDEX log_position_changes_once ON trail_private.log_position_changes (topic_id, incarnation, partition, observed_at);

-- One row is the committed offset of one group on one partition now.
CREATE TABLE trail_private.group_positions (
  consumer_group_id int NOT NULL,
  topic_id          int NOT NULL,
  incarnation       int NOT NULL,
  partition         int NOT NULL,
  committed         bigint NOT NULL,      -- Kafka's: the next offset the group will read
  -- The lowest offset the group can be held to: its first commit, or for a group that began under the watcher's eyes
  -- where the log began or ended then, whichever its first commit allows.
  first_position    bigint NOT NULL,
  committed_max     bigint NOT NULL,      -- a rewind never un-delivers
  first_seen_at     timestamptz NOT NULL,
  committed_at      timestamptz NOT NULL, -- the commit's own time from __consumer_offsets, else when the poll saw it
  gone_at           timestamptz,          -- since when the broker has no such offset any more
  expired           int8multirange NOT NULL DEFAULT '{}',  -- taken by retention before the group had committed past them
  PRIMARY KEY (consumer_group_id, topic_id, incarnation, partition)
);
-- Serves "every group of this topic partition".
CREATE INDEX group_positions_by_partition ON trail_private.group_positions (topic_id, incarnation, partition);
-- One row is one change of a committed offset. Sliced by time, dropped with the spans.
CREATE TABLE trail_private.group_position_changes (
  committed_at      timestamptz NOT NULL,
  committed         bigint NOT NULL,
  committed_max     bigint NOT NULL,      -- the highest so far: the first row beyond an offset is the commit that passed it
  consumer_group_id int NOT NULL,
  topic_id          int NOT NULL,
  incarnation       int NOT NULL,
  partition         int NOT NULL
) PARTITION BY RANGE (committed_at);
CREATE UNIQUE INDEX group_position_changes_once ON trail_private.group_position_changes (consumer_group_id, topic_id, incarnation, partition, committed_at, committed);
-- Serves "when did the group pass this offset".
CREATE INDEX group_position_changes_by_offset ON trail_private.group_position_changes (topic_id, incarnation, partition, consumer_group_id, committed_max);
-- Serves "was the group set back behind this offset", which is rare.
CREATE INDEX group_rewinds ON trail_private.group_position_changes (topic_id, incarnation, partition, consumer_group_id) WHERE committed < committed_max;

-- One row is what the broker says of a group now.
CREATE TABLE trail_private.group_states (
  consumer_group_id int PRIMARY KEY,
  state             text NOT NULL,        -- Kafka's word: Stable, Empty, Dead, PreparingRebalance, ...
  members           int,                  -- NULL: not known (KIP-848 groups through kafkajs)
  observed_at       timestamptz NOT NULL
);

-- One row is one watcher's word about itself.
CREATE TABLE trail_private.watchers (
  cluster      text PRIMARY KEY,
  cluster_id   text,                      -- the broker's own id: some instrumentations give it as the cluster's name
  way          text NOT NULL,             -- 'consumer_offsets' or 'poll'
  poll_ms      int NOT NULL,
  swept_at     timestamptz,               -- when the last whole look at the broker began; NULL: there was none
  problem      text,                      -- why it cannot see the broker, or all of it, in words
  problem_at   timestamptz
);

-- The ledger. One row is what spans have told of one block of 65,536 offsets, of one partition, by one group.
-- consumer_group_id 0 is the producers, -1 is void (markers, aborted, compacted). Set union: a replay changes nothing.
CREATE TABLE trail_private.ledger (
  topic_id          int NOT NULL,
  incarnation       int NOT NULL,
  partition         int NOT NULL,
  consumer_group_id int NOT NULL,
  block             bigint NOT NULL,      -- offset / 65536
  sampled           boolean NOT NULL DEFAULT false,  -- over 256 ranges: only the bounds are kept
  first_at          timestamptz NOT NULL,
  last_at           timestamptz NOT NULL,
  ranges            int8multirange NOT NULL,
  PRIMARY KEY (topic_id, incarnation, partition, consumer_group_id, block)
) WITH (fillfactor = 50);
-- At most 5.4 kB, and written anew with every union: of 10 % sampling, packing took half of its time. The writer measures their plain size.
ALTER TABLE trail_private.ledger ALTER COLUMN ranges SET STORAGE PLAIN;
-- What writes have put down for the ledger and nobody has united with it yet. One row is what one write told: an array of
-- [topic_id, incarnation, partition, consumer_group_id, block, first and last start in ms since 1970, first offset, last offset, ...].
CREATE TABLE trail_private.ledger_marks (
  marks json NOT NULL
);
-- Gone within seconds: not worth the time that packing takes.
ALTER TABLE trail_private.ledger_marks ALTER COLUMN marks SET STORAGE EXTERNAL;
