CREATE OR REPLACE VIEW {database}.panes_1h {on_cluster} AS
SELECT
    pane_start, pane_seconds, environment, service, operation, dimensions,
    multiIf(p.operation != '', 'operation', p.service != '', 'service', 'overall') AS level,
    slots,
    events, calls, failures, client_errors, timeouts, cancelled,
    error_events, errors_warning, errors_error, errors_critical,
    latency_sum_us, latency_clamped,
    nullIf(p.latency_min_us, 9223372036854775807) AS latency_min_us, nullIf(p.latency_max_us, -1) AS latency_max_us,
    latency_index, latency_count, status_code, status_count,
    failures / nullIf(calls - cancelled, 0) AS error_rate,
    latency_sum_us / nullIf(calls, 0) / 1000 AS avg_ms,
    row_latency_ms(0.5, latency_index, latency_count) AS p50_ms,
    row_latency_ms(0.95, latency_index, latency_count) AS p95_ms,
    row_latency_ms(0.99, latency_index, latency_count) AS p99_ms,
    received_at, rolled_at
FROM {database}.panes_1h_log AS p FINAL
COMMENT 'Panes of one hour, closed, merged over sources; columns as in panes_1h_log, with rates and percentiles'
