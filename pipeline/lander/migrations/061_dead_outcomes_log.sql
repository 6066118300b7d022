-- sharding: cityHash64(topic, partition, offset)
CREATE TABLE IF NOT EXISTS {database}.dead_outcomes_log{local} {on_cluster} (
    epoch UInt32 COMMENT 'Epoch of the topic; part of the identity',
    topic LowCardinality(String) COMMENT 'Topic that the refused record came from; part of the identity',
    partition UInt32 COMMENT 'Partition that it came from; part of the identity',
    offset UInt64 COMMENT 'Its offset there; part of the identity',
    idx Int32 COMMENT 'Place in the record''s array, -1 for the whole record; part of the identity',
    decided_at DateTime64(3, 'UTC') COMMENT 'When it was decided; part of the identity, and the last one counts',
    outcome LowCardinality(String)
        COMMENT 'replayed: sent again; landed: its row was written after all; dropped: not worth keeping',
    attempt UInt32 COMMENT 'How often it had been tried; of one that was sent again, this time included',
    received_at DateTime64(3, 'UTC')
        COMMENT 'When Kafka took the outcome in; retention counts from here' CODEC(Delta, ZSTD(1)),
    landed_at DateTime('UTC') DEFAULT now() COMMENT 'When ClickHouse took the row in' CODEC(Delta, ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree
PARTITION BY toYYYYMMDD(decided_at)
ORDER BY (epoch, topic, partition, offset, idx, decided_at)
TTL toDateTime(received_at) + toIntervalDay({raw_days})
SETTINGS ttl_only_drop_parts = 1
COMMENT 'What became of dead letters, copies included: the view dead_letters has the last one of each as its state'
