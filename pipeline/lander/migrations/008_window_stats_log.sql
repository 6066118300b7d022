-- sharding: cityHash64(service, operation, environment, dimensions)
CREATE TABLE IF NOT EXISTS {database}.window_stats_log{local} {on_cluster} (
    step_end DateTime64(3, 'UTC') COMMENT 'End of the step, and of the window, in event time' CODEC(Delta, ZSTD(1)),
    window LowCardinality(String) COMMENT 'Length of the window, for example 5m',
    environment LowCardinality(String) COMMENT 'For example prod',
    service LowCardinality(String) COMMENT 'Empty: over all services',
    operation LowCardinality(String) COMMENT 'Empty: over all operations of the service',
    dimensions LowCardinality(String) COMMENT 'Sorted name=value list joined by commas, empty by default',
    window_start DateTime64(3, 'UTC') COMMENT 'Start of the window in event time' CODEC(Delta, ZSTD(1)),
    status LowCardinality(String) COMMENT 'on_time: at the watermark; late: corrected by late events',
    revision UInt32 COMMENT '0 for the first record of a step, greater with each correction',
    completeness Nullable(Float64) COMMENT 'Share of sources whose watermark had passed',
    events UInt64 COMMENT 'Operation events, each counted as one' CODEC(T64, ZSTD(1)),
    calls UInt64 COMMENT 'Operation events by weight: a sampled one stands for several calls' CODEC(T64, ZSTD(1)),
    failures UInt64 COMMENT 'Failed calls; cancelled ones are not among them' CODEC(T64, ZSTD(1)),
    client_errors UInt64 COMMENT 'Failed calls whose outcome is client_error' CODEC(T64, ZSTD(1)),
    timeouts UInt64 COMMENT 'Failed calls whose outcome is timeout' CODEC(T64, ZSTD(1)),
    cancelled UInt64 COMMENT 'Cancelled calls, in neither rate' CODEC(T64, ZSTD(1)),
    rate_per_second Float64 COMMENT 'Calls per second over the window',
    rate_per_minute Float64 COMMENT 'Calls per minute over the window',
    trend_ratio Nullable(Float64) COMMENT 'Rate of the later half over that of the earlier half, less one: 0 is steady',
    error_rate Nullable(Float64) COMMENT 'failures / (calls - cancelled), 0 to 1',
    success_rate Nullable(Float64) COMMENT '1 - error_rate',
    avg_ms Nullable(Float64) COMMENT 'Mean duration of all calls, by weight',
    min_ms Nullable(Float64) COMMENT 'Least duration',
    max_ms Nullable(Float64) COMMENT 'Greatest duration',
    p50_ms Nullable(Float64) COMMENT 'Median duration, within 0.55 %',
    p95_ms Nullable(Float64) COMMENT '95th percentile of durations, within 0.55 %',
    p99_ms Nullable(Float64) COMMENT '99th percentile of durations, within 0.55 %',
    p999_ms Nullable(Float64) COMMENT '99.9th percentile of durations, within 0.55 %',
    slow_calls UInt64 COMMENT 'Calls that took the slow threshold or longer' CODEC(T64, ZSTD(1)),
    slow_per_minute Float64 COMMENT 'The same per minute',
    error_events UInt64 COMMENT 'Error events, each counted as one; apart from failures' CODEC(T64, ZSTD(1)),
    errors_per_second Float64 COMMENT 'Error events per second',
    errors_warning UInt64 COMMENT 'Error events of severity warning, by weight' CODEC(T64, ZSTD(1)),
    errors_error UInt64 COMMENT 'Error events of severity error, by weight' CODEC(T64, ZSTD(1)),
    errors_critical UInt64 COMMENT 'Error events of severity critical, by weight' CODEC(T64, ZSTD(1)),
    status_code Array(UInt16) COMMENT 'Status codes seen',
    status_count Array(UInt64) COMMENT 'Calls with the status code at the same place of status_code',
    epoch UInt32 COMMENT 'Raised by `pipeline new-epoch`',
    offset UInt64 COMMENT 'Offset of the stats record: the greater replaces the smaller' CODEC(Delta, ZSTD(1)),
    received_at DateTime64(3, 'UTC')
        COMMENT 'When Kafka took the record in; retention counts from here' CODEC(Delta, ZSTD(1)),
    landed_at DateTime('UTC') DEFAULT now() COMMENT 'When ClickHouse took the row in' CODEC(Delta, ZSTD(1)),
    precedence UInt64 MATERIALIZED bitShiftLeft(toUInt64(epoch), 44) + offset
        COMMENT 'What decides between records of one step: epoch, then offset'
)
ENGINE = {replicated}ReplacingMergeTree(precedence)
PARTITION BY toYYYYMMDD(step_end)
ORDER BY (service, operation, environment, dimensions, window, step_end)
TTL toDateTime(received_at) + toIntervalDay({slots_days})
SETTINGS ttl_only_drop_parts = 1
COMMENT 'What the stream said of every window at every step, corrections included: read the view window_stats'
