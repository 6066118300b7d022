-- sharding: cityHash64(topic, partition, offset)
CREATE TABLE IF NOT EXISTS {database}.late_events_log{local} {on_cluster} (
    epoch UInt32 COMMENT 'Epoch of the topic; part of the identity',
    topic LowCardinality(String) COMMENT 'Kafka topic that the event came from; part of the identity',
    partition UInt32 COMMENT 'Kafka partition; part of the identity',
    offset UInt64 COMMENT 'Kafka offset; part of the identity' CODEC(Delta, ZSTD(1)),
    idx UInt32 COMMENT 'Place in the record when it held an array, else 0; part of the identity',
    pane_start DateTime64(3, 'UTC') COMMENT 'Start of the pane that it came too late for' CODEC(Delta, ZSTD(1)),
    received_at DateTime64(3, 'UTC')
        COMMENT 'When Kafka took in the notice that it was late; retention counts from here' CODEC(Delta, ZSTD(1)),
    landed_at DateTime('UTC') DEFAULT now() COMMENT 'When ClickHouse took the row in' CODEC(Delta, ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree
PARTITION BY toYYYYMMDD(pane_start)
ORDER BY (epoch, topic, partition, offset, idx)
TTL toDateTime(received_at) + toIntervalDay({raw_days})
SETTINGS ttl_only_drop_parts = 1
COMMENT 'Events that came after their pane was closed, copies included: read the view late_events'
