-- sharding: cityHash64(topic, partition, offset)
CREATE TABLE IF NOT EXISTS {database}.operations_log{local} {on_cluster} (
    timestamp DateTime64(3, 'UTC') COMMENT 'Event time, as the producer gave it' CODEC(Delta, ZSTD(1)),
    environment LowCardinality(String) COMMENT 'For example prod',
    service LowCardinality(String) COMMENT 'Service that sent it',
    operation LowCardinality(String) COMMENT 'What was done, for example pay',
    duration_us UInt64 COMMENT 'How long it took, in whole microseconds' CODEC(T64, ZSTD(1)),
    success Bool COMMENT 'Whether it succeeded, as the producer judged',
    outcome LowCardinality(String) COMMENT 'ok, error, client_error, timeout or cancelled',
    kind LowCardinality(String) COMMENT 'http, db, cache, queue, job, dependency, or empty',
    status_code UInt16 COMMENT 'Status code, 0 where the event has none',
    event_id String COMMENT 'Given by the producer; for people, never for counting',
    user_id String COMMENT 'Empty where the event names none',
    device_id String COMMENT 'Empty where the event names none',
    request_id String COMMENT 'Empty where the event names none',
    trace_id String COMMENT 'Empty where the event names none',
    span_id String COMMENT 'Empty where the event names none',
    parent_span_id String COMMENT 'Empty where the event names none',
    version LowCardinality(String) COMMENT 'Version of the service, empty where the event names none',
    instance LowCardinality(String) COMMENT 'Process or pod that sent it, empty where the event names none',
    weight UInt32 COMMENT 'How many occurrences this sampled one stands for; 1 when nothing is sampled',
    metadata String COMMENT 'JSON object, as it came; read with JSONExtractString(metadata, ''region'')' CODEC(ZSTD(1)),
    epoch UInt32
        COMMENT 'Raised by `pipeline new-epoch`, when a topic was deleted and made again; part of the identity',
    topic LowCardinality(String) COMMENT 'Kafka topic that the event came from; part of the identity',
    partition UInt32 COMMENT 'Kafka partition; part of the identity',
    offset UInt64 COMMENT 'Kafka offset; part of the identity' CODEC(Delta, ZSTD(1)),
    idx UInt32 COMMENT 'Place in the record when it held an array, else 0; part of the identity',
    received_at DateTime64(3, 'UTC')
        COMMENT 'When Kafka appended the record; retention counts from here' CODEC(Delta, ZSTD(1)),
    landed_at DateTime('UTC') DEFAULT now() COMMENT 'When ClickHouse took the row in' CODEC(Delta, ZSTD(1)),
    INDEX trace_id_bloom trace_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX request_id_bloom request_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX metadata_tokens metadata TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 4
)
ENGINE = {replicated}ReplacingMergeTree
PARTITION BY toYYYYMMDD(timestamp)
PRIMARY KEY (service, operation, environment, toStartOfHour(timestamp))
ORDER BY (service, operation, environment, toStartOfHour(timestamp), epoch, topic, partition, offset, idx)
TTL toDateTime(received_at) + toIntervalDay({raw_days})
SETTINGS ttl_only_drop_parts = 1
COMMENT 'Operation events as they came, copies included: read the view operations'
