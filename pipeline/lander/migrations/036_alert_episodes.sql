CREATE OR REPLACE VIEW {database}.alert_episodes {on_cluster} AS
SELECT
    a.alert_id AS alert_id, any(a.rule) AS rule, any(a.rule_type) AS rule_type, any(a.environment) AS environment,
    any(a.service) AS service, any(a.operation) AS operation, any(a.dimensions) AS dimensions,
    argMax(a.state, a.sequence) AS state, argMax(a.severity, a.sequence) AS severity,
    min(a.started) AS started, max(a.fired) AS fired, max(a.resolved) AS resolved,
    max(a.sequence) AS transitions, argMax(a.value, a.sequence) AS value, argMax(a.threshold, a.sequence) AS threshold,
    argMax(a.summary, a.sequence) AS summary
FROM {database}.alerts_log AS a FINAL
GROUP BY a.alert_id
COMMENT 'One row per alert: its last state, when the breach began, when it fired and was resolved'
