CREATE OR REPLACE VIEW {database}.latency {on_cluster} AS
SELECT
    environment, service, operation, dimensions,
    multiIf(operation != '', 'operation', service != '', 'service', 'overall') AS level,
    sum(s.events) AS events, sum(s.calls) AS calls, sum(s.failures) AS failures, sum(s.error_events) AS error_events,
    sum(s.failures) / nullIf(sum(s.calls) - sum(s.cancelled), 0) AS error_rate,
    sum(s.latency_sum_us) / nullIf(sum(s.calls), 0) / 1000 AS avg_ms,
    latency_ms(0.5, s.latency_index, s.latency_count) AS p50_ms,
    latency_ms(0.95, s.latency_index, s.latency_count) AS p95_ms,
    latency_ms(0.99, s.latency_index, s.latency_count) AS p99_ms,
    latency_ms(0.999, s.latency_index, s.latency_count) AS p999_ms
FROM {database}.slots_log AS s FINAL
WHERE s.pane_start >= {from:DateTime64(3, 'UTC')} AND s.pane_start < {to:DateTime64(3, 'UTC')}
GROUP BY environment, service, operation, dimensions
COMMENT 'Rates and percentiles of every series over a range: SELECT * FROM latency(from = ''2025-11-18'', to = now())'
