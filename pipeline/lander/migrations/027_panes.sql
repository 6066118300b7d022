CREATE OR REPLACE VIEW {database}.panes {on_cluster} AS
SELECT
    s.pane_start AS pane_start, s.pane_seconds AS pane_seconds,
    s.environment AS environment, s.service AS service, s.operation AS operation, s.dimensions AS dimensions,
    multiIf(s.operation != '', 'operation', s.service != '', 'service', 'overall') AS level,
    toUInt32(count()) AS slots, min(s.final) AS final,
    sum(s.events) AS events,
    sum(s.calls) AS calls,
    sum(s.failures) AS failures,
    sum(s.client_errors) AS client_errors,
    sum(s.timeouts) AS timeouts,
    sum(s.cancelled) AS cancelled,
    sum(s.error_events) AS error_events,
    sum(s.errors_warning) AS errors_warning,
    sum(s.errors_error) AS errors_error,
    sum(s.errors_critical) AS errors_critical,
    sum(s.latency_sum_us) AS latency_sum_us,
    sum(s.latency_clamped) AS latency_clamped,
    nullIf(min(s.latency_min_us), 9223372036854775807) AS latency_min_us,
    nullIf(max(s.latency_max_us), -1) AS latency_max_us,
    sumMap(s.latency_index, s.latency_count).1 AS latency_index,
    sumMap(s.latency_index, s.latency_count).2 AS latency_count,
    sumMap(s.status_code, s.status_count).1 AS status_code,
    sumMap(s.status_code, s.status_count).2 AS status_count,
    sum(s.failures) / nullIf(sum(s.calls) - sum(s.cancelled), 0) AS error_rate,
    sum(s.latency_sum_us) / nullIf(sum(s.calls), 0) / 1000 AS avg_ms,
    latency_ms(0.5, s.latency_index, s.latency_count) AS p50_ms,
    latency_ms(0.95, s.latency_index, s.latency_count) AS p95_ms,
    latency_ms(0.99, s.latency_index, s.latency_count) AS p99_ms
FROM {database}.slots_log AS s FINAL
GROUP BY s.pane_start, s.pane_seconds, s.environment, s.service, s.operation, s.dimensions
COMMENT 'Panes of every series, merged over sources, with rates and percentiles; level says what a series is over'
