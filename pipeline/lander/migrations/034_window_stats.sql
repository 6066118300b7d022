CREATE OR REPLACE VIEW {database}.window_stats {on_cluster} AS
SELECT
    step_end, window, environment, service, operation, dimensions, window_start, status, revision, completeness,
    events, calls, failures, client_errors, timeouts, cancelled, rate_per_second, rate_per_minute, trend_ratio,
    error_rate, success_rate, avg_ms, min_ms, max_ms, p50_ms, p95_ms, p99_ms, p999_ms, slow_calls, slow_per_minute,
    error_events, errors_per_second, errors_warning, errors_error, errors_critical, status_code, status_count,
    epoch, offset, received_at, landed_at
FROM {database}.window_stats_log FINAL
COMMENT 'What the stream said of every window at every step, newest record only; columns as in window_stats_log'
