CREATE OR REPLACE VIEW {database}.slots {on_cluster} AS
SELECT
    pane_start, pane_seconds, environment, service, operation, dimensions,
    multiIf(s.operation != '', 'operation', s.service != '', 'service', 'overall') AS level,
    source, epoch, version, final, repaired, late, shard, part,
    events, calls, failures, client_errors, timeouts, cancelled,
    error_events, errors_warning, errors_error, errors_critical,
    latency_sum_us, latency_clamped,
    nullIf(s.latency_min_us, 9223372036854775807) AS latency_min_us, nullIf(s.latency_max_us, -1) AS latency_max_us,
    latency_index, latency_count, status_code, status_count, received_at, landed_at
FROM {database}.slots_log AS s FINAL
COMMENT 'What each source partition contributes to each pane and series, newest version only; columns as in slots_log'
