-- sharding: cityHash64(rule, environment, service, operation, dimensions)
CREATE TABLE IF NOT EXISTS {database}.alert_decisions_log{local} {on_cluster} (
    decision_id String COMMENT 'Made from rule, series, step_end, decided, reason and the transition: the identity',
    rule LowCardinality(String) COMMENT 'Name of the rule',
    rule_type LowCardinality(String) COMMENT 'What the rule watches, for example error_rate',
    rule_version LowCardinality(String) COMMENT 'Hash of the rule as it was; empty if it was not there any more',
    environment LowCardinality(String) COMMENT 'For example prod',
    service LowCardinality(String) COMMENT 'Empty: over all services',
    operation LowCardinality(String) COMMENT 'Empty: over all operations of the service',
    dimensions LowCardinality(String) COMMENT 'Sorted name=value list joined by commas, empty by default',
    step_end DateTime64(3, 'UTC')
        COMMENT 'End of the step at which it was decided, in event time' CODEC(Delta, ZSTD(1)),
    decided LowCardinality(String) COMMENT 'early: before the watermark; on_time: at it; signal: by a critical error',
    since DateTime64(3, 'UTC')
        COMMENT 'From when on the same was decided at each step; of a change, step_end' CODEC(Delta, ZSTD(1)),
    state LowCardinality(String)
        COMMENT 'State after the decision: pending, firing, recovering, resolved or inactive',
    previous_state LowCardinality(String) COMMENT 'State before it; the same where nothing changed',
    severity LowCardinality(String) COMMENT 'Severity after it, empty if there is no alert',
    alert_id String COMMENT 'The alert that it is about, empty if there is none' CODEC(ZSTD(1)),
    sequence UInt32 COMMENT 'The last transition of the alert after it, 0 if there is none',
    reason LowCardinality(String) COMMENT 'Why, for example BREACH, MIN_SAMPLES, FROZEN_INCOMPLETE',
    notice LowCardinality(String)
        COMMENT 'Why people are told of the change, or why not; empty where nothing changed',
    value Nullable(Float64) COMMENT 'What was measured; NULL where nothing was, or it was not kept',
    threshold Nullable(Float64)
        COMMENT 'What it was compared with: that of the severity; where nothing changed, the least',
    comparison LowCardinality(String) COMMENT 'How it was compared; a breach is: value comparison threshold',
    unit LowCardinality(String) COMMENT 'Unit of value and threshold',
    samples Nullable(UInt64) COMMENT 'How many calls (or error events) the value was taken over',
    min_samples Nullable(UInt64) COMMENT 'How many the rule asked for',
    window LowCardinality(String) COMMENT 'Length of the window, for example 5m; empty where the rule has none',
    window_start DateTime64(3, 'UTC') COMMENT 'Start of the window in event time' CODEC(Delta, ZSTD(1)),
    window_end DateTime64(3, 'UTC') COMMENT 'End of the window in event time' CODEC(Delta, ZSTD(1)),
    watermark Nullable(DateTime64(3, 'UTC')) COMMENT 'The least watermark when it was decided',
    completeness Nullable(Float64) COMMENT 'Share of sources that had nothing more to say, 0 to 1',
    received_at DateTime64(3, 'UTC')
        COMMENT 'When Kafka took the decision in; retention counts from here' CODEC(Delta, ZSTD(1)),
    landed_at DateTime('UTC') DEFAULT now() COMMENT 'When ClickHouse took the row in' CODEC(Delta, ZSTD(1)),
    INDEX by_alert alert_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {replicated}ReplacingMergeTree
PARTITION BY toYYYYMMDD(step_end)
ORDER BY (rule, service, operation, environment, dimensions, step_end, decision_id)
TTL toDateTime(received_at) + toIntervalDay({decisions_days})
SETTINGS ttl_only_drop_parts = 1
COMMENT 'What the alert engine decided, and why, copies included: read the view alert_decisions'
