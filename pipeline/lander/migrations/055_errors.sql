CREATE OR REPLACE VIEW {database}.errors {on_cluster} AS
SELECT
    timestamp, environment, service, operation, severity, error_type, message, stack, fingerprint,
    event_id, user_id, device_id, request_id, trace_id, span_id, parent_span_id, version, instance, weight, metadata,
    epoch, topic, partition, offset, idx, received_at, landed_at,
    producer_id, boot_id, sequence
FROM {database}.errors_log FINAL
COMMENT 'Error events, each once; columns as in errors_log'
