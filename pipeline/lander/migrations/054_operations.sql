CREATE OR REPLACE VIEW {database}.operations {on_cluster} AS
SELECT
    timestamp, environment, service, operation, duration_us / 1000 AS duration_ms, success, outcome, kind, status_code,
    event_id, user_id, device_id, request_id, trace_id, span_id, parent_span_id, version, instance, weight, metadata,
    duration_us, epoch, topic, partition, offset, idx, received_at, landed_at,
    producer_id, boot_id, sequence
FROM {database}.operations_log FINAL
COMMENT 'Operation events, each once; columns as in operations_log, and duration_ms'
