CREATE OR REPLACE VIEW {database}.alert_decisions {on_cluster} AS
SELECT
    decision_id, rule, rule_type, rule_version, environment, service, operation, dimensions, step_end, decided, since,
    state, previous_state, severity, alert_id, sequence, reason, notice, value, threshold, comparison, unit, samples,
    min_samples, window, window_start, window_end, watermark, completeness, received_at, landed_at,
    channel, held_by, author, answer, until, held
FROM {database}.alert_decisions_log FINAL
COMMENT 'What was decided about alerts, and why, each once; columns as in alert_decisions_log'
