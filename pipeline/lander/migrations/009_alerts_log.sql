-- sharding: cityHash64(alert_id)
CREATE TABLE IF NOT EXISTS {database}.alerts_log{local} {on_cluster} (
    alert_id String COMMENT 'The same for all transitions of an episode; part of the identity',
    sequence UInt32 COMMENT 'Number of the transition within the episode, from 1; part of the identity',
    episode UInt32 COMMENT 'Number of the episode of this rule on this series, from 1',
    step_end DateTime64(3, 'UTC')
        COMMENT 'End of the step at which it was decided, in event time' CODEC(Delta, ZSTD(1)),
    rule LowCardinality(String) COMMENT 'Name of the rule',
    rule_type LowCardinality(String) COMMENT 'What the rule watches, for example error_rate',
    state LowCardinality(String)
        COMMENT 'State after the transition: pending, firing, recovering, resolved or inactive',
    previous_state LowCardinality(String) COMMENT 'State before it',
    severity LowCardinality(String) COMMENT 'Severity after the transition; of a resolved one, its last',
    previous_severity LowCardinality(String) COMMENT 'Severity before it, empty if there was none',
    environment LowCardinality(String) COMMENT 'For example prod',
    service LowCardinality(String) COMMENT 'Empty: over all services',
    operation LowCardinality(String) COMMENT 'Empty: over all operations of the service',
    dimensions LowCardinality(String) COMMENT 'Sorted name=value list joined by commas, empty by default',
    value Nullable(Float64) COMMENT 'What was measured; NULL when there was nothing to measure',
    threshold Nullable(Float64) COMMENT 'What it was compared with',
    comparison LowCardinality(String) COMMENT 'How it was compared; a breach is: value comparison threshold',
    unit LowCardinality(String) COMMENT 'Unit of value and threshold',
    window LowCardinality(String) COMMENT 'Length of the window, for example 5m',
    window_start DateTime64(3, 'UTC') COMMENT 'Start of the window in event time',
    window_end DateTime64(3, 'UTC') COMMENT 'End of the window in event time',
    samples UInt64 COMMENT 'How many calls (or error events) the value was taken over',
    decided LowCardinality(String) COMMENT 'early: before the watermark; on_time: at it; signal: by a critical error',
    started DateTime64(3, 'UTC') COMMENT 'When the breach of this episode began, in event time',
    fired Nullable(DateTime64(3, 'UTC')) COMMENT 'When it became firing, in event time; NULL if it has not',
    resolved Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was resolved, in event time; NULL if it is not',
    notify Bool COMMENT 'Whether people are told of this transition',
    notify_reason LowCardinality(String) COMMENT 'Why they are told, or why not',
    summary String COMMENT 'One sentence for people',
    json String COMMENT 'The whole alert as it stood on the topic' CODEC(ZSTD(1)),
    received_at DateTime64(3, 'UTC')
        COMMENT 'When Kafka took the alert in; retention counts from here' CODEC(Delta, ZSTD(1)),
    landed_at DateTime('UTC') DEFAULT now() COMMENT 'When ClickHouse took the row in' CODEC(Delta, ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree
PARTITION BY toYYYYMM(step_end)
ORDER BY (rule, alert_id, sequence)
TTL toDateTime(received_at) + toIntervalDay({alerts_days})
SETTINGS ttl_only_drop_parts = 1
COMMENT 'Every transition of every alert, copies included: read the views alerts and alert_episodes'
