CREATE OR REPLACE VIEW {database}.alerts {on_cluster} AS
SELECT
    alert_id, sequence, episode, step_end, rule, rule_type, state, previous_state, severity, previous_severity,
    environment, service, operation, dimensions, value, threshold, comparison, unit, window, window_start, window_end,
    samples, decided, started, fired, resolved, notify, notify_reason, summary, json, received_at, landed_at
FROM {database}.alerts_log FINAL
COMMENT 'Every transition of every alert, each once; columns as in alerts_log'
