-- sharding: cityHash64(topic, partition, offset)
CREATE TABLE IF NOT EXISTS {database}.dead_letters_log{local} {on_cluster} (
    epoch UInt32 COMMENT 'Epoch of the topic; part of the identity',
    topic LowCardinality(String) COMMENT 'Topic that the record came from; part of the identity',
    partition UInt32 COMMENT 'Partition that it came from; part of the identity',
    offset UInt64 COMMENT 'Its offset there; part of the identity',
    idx Int32 COMMENT 'Place in the record''s array, -1 for the whole record; part of the identity',
    appended_at DateTime64(3, 'UTC') COMMENT 'When Kafka appended the refused record',
    reason LowCardinality(String)
        COMMENT 'Why, as a code; landing: it was counted, but ClickHouse would not take its row',
    detail String COMMENT 'Why, as a sentence for people' CODEC(ZSTD(1)),
    key String COMMENT 'Key of the record' CODEC(ZSTD(1)),
    value String COMMENT 'The bytes as they came' CODEC(ZSTD(1)),
    value_bytes UInt64 COMMENT 'How many bytes there were before any were cut',
    truncated Bool COMMENT 'Whether the bytes were cut; the whole is at topic, partition, offset',
    headers String COMMENT 'Kafka headers of the record, as JSON' CODEC(ZSTD(1)),
    received_at DateTime64(3, 'UTC')
        COMMENT 'When Kafka took the dead letter in; retention counts from here' CODEC(Delta, ZSTD(1)),
    landed_at DateTime('UTC') DEFAULT now() COMMENT 'When ClickHouse took the row in' CODEC(Delta, ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree
PARTITION BY toYYYYMMDD(appended_at)
ORDER BY (reason, epoch, topic, partition, offset, idx)
TTL toDateTime(received_at) + toIntervalDay({raw_days})
SETTINGS ttl_only_drop_parts = 1
COMMENT 'What could not be used and why, copies included: read the view dead_letters'
