-- sharding: cityHash64(topic, partition, offset)
CREATE TABLE IF NOT EXISTS {database}.samples_log{local} {on_cluster} (
    timestamp DateTime64(3, 'UTC') COMMENT 'Event time, as the producer gave it' CODEC(Delta, ZSTD(1)),
    environment LowCardinality(String) COMMENT 'For example prod',
    service LowCardinality(String) COMMENT 'Service that sent it',
    instance LowCardinality(String) COMMENT 'Process or pod that it was measured in, empty where the event names none',
    name LowCardinality(String) COMMENT 'What was measured, for example process.memory',
    value Float64 COMMENT 'The value' CODEC(Gorilla, ZSTD(1)),
    unit LowCardinality(String) COMMENT 'For example By; empty where the event names none',
    gauge Bool COMMENT 'true: a level; false: a counter that only grows',
    event_id String COMMENT 'Given by the producer; for people, never for counting',
    version LowCardinality(String) COMMENT 'Version of the service, empty where the event names none',
    metadata String COMMENT 'JSON object, as it came' CODEC(ZSTD(1)),
    epoch UInt32
        COMMENT 'Raised by `pipeline new-epoch`, when a topic was deleted and made again; part of the identity',
    topic LowCardinality(String) COMMENT 'Kafka topic that the event came from; part of the identity',
    partition UInt32 COMMENT 'Kafka partition; part of the identity',
    offset UInt64 COMMENT 'Kafka offset; part of the identity' CODEC(Delta, ZSTD(1)),
    idx UInt32 COMMENT 'Place in the record when it held an array, else 0; part of the identity',
    received_at DateTime64(3, 'UTC')
        COMMENT 'When Kafka appended the record; retention counts from here' CODEC(Delta, ZSTD(1)),
    landed_at DateTime('UTC') DEFAULT now() COMMENT 'When ClickHouse took the row in' CODEC(Delta, ZSTD(1)),
    INDEX metadata_tokens metadata TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 4
)
ENGINE = {replicated}ReplacingMergeTree
PARTITION BY toYYYYMMDD(timestamp)
PRIMARY KEY (service, name, environment, instance, toStartOfHour(timestamp))
ORDER BY (service, name, environment, instance, toStartOfHour(timestamp), epoch, topic, partition, offset, idx)
TTL toDateTime(received_at) + toIntervalDay({raw_days})
SETTINGS ttl_only_drop_parts = 1
COMMENT 'Samples as they came, copies included: read the view samples'
