-- sharding: cityHash64(service, operation, environment, dimensions)
CREATE TABLE IF NOT EXISTS {database}.panes_1m_log{local} {on_cluster} (
    pane_start DateTime64(3, 'UTC')
        COMMENT 'Start of the pane in event time; it ends pane_seconds later, half-open' CODEC(Delta, ZSTD(1)),
    pane_seconds UInt16 COMMENT 'Length of the pane',
    environment LowCardinality(String) COMMENT 'For example prod',
    service LowCardinality(String) COMMENT 'Empty: over all services',
    operation LowCardinality(String) COMMENT 'Empty: over all operations of the service',
    dimensions LowCardinality(String) COMMENT 'Sorted name=value list joined by commas, empty by default',
    slots UInt32 COMMENT 'Slots that are added up here',
    events UInt64 COMMENT 'Operation events, each counted as one',
    calls UInt64 COMMENT 'Operation events by weight: a sampled one stands for several calls',
    failures UInt64 COMMENT 'Failed calls; cancelled ones are not among them',
    client_errors UInt64 COMMENT 'Failed calls whose outcome is client_error',
    timeouts UInt64 COMMENT 'Failed calls whose outcome is timeout',
    cancelled UInt64 COMMENT 'Cancelled calls, in neither rate',
    error_events UInt64 COMMENT 'Error events, each counted as one',
    errors_warning UInt64 COMMENT 'Error events of severity warning, by weight',
    errors_error UInt64 COMMENT 'Error events of severity error, by weight',
    errors_critical UInt64 COMMENT 'Error events of severity critical, by weight',
    latency_sum_us UInt64 COMMENT 'Sum of durations in microseconds, by weight, each clamped to one hour',
    latency_clamped UInt64 COMMENT 'Calls that took longer than one hour',
    latency_min_us Int64 COMMENT 'Least duration in microseconds; 9223372036854775807 where there was no call',
    latency_max_us Int64 COMMENT 'Greatest duration in microseconds; -1 where there was no call',
    latency_index Array(Int16)
        COMMENT 'Histogram: bucket k holds (2^(k/64), 2^((k+1)/64)] microseconds, -1 holds zero' CODEC(Delta, ZSTD(1)),
    latency_count Array(UInt64)
        COMMENT 'Histogram: calls in the bucket at the same place of latency_index' CODEC(T64, ZSTD(1)),
    status_code Array(UInt16) COMMENT 'Status codes seen' CODEC(Delta, ZSTD(1)),
    status_count Array(UInt64)
        COMMENT 'Calls with the status code at the same place of status_code' CODEC(T64, ZSTD(1)),
    received_at DateTime64(3, 'UTC')
        COMMENT 'When Kafka took the newest of the slots in; retention counts from here' CODEC(Delta, ZSTD(1)),
    rolled_at DateTime('UTC') DEFAULT now() COMMENT 'When the row was made' CODEC(Delta, ZSTD(1)),
    precedence UInt64 MATERIALIZED events + error_events
        COMMENT 'What decides between versions: slots only grow, so the one that counts more is newer',
    CONSTRAINT latency_arrays_have_one_length CHECK length(latency_index) = length(latency_count),
    CONSTRAINT status_arrays_have_one_length CHECK length(status_code) = length(status_count)
)
ENGINE = {replicated}ReplacingMergeTree(precedence)
PARTITION BY toYYYYMM(pane_start)
ORDER BY (service, operation, environment, dimensions, pane_seconds, pane_start)
TTL toDateTime(received_at) + toIntervalMonth({rollup_months})
SETTINGS ttl_only_drop_parts = 1
COMMENT 'Slots of closed minutes added over sources, all versions: read the view panes_1m'
