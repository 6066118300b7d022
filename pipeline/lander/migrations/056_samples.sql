CREATE OR REPLACE VIEW {database}.samples {on_cluster} AS
SELECT
    timestamp, environment, service, instance, name, value, unit, gauge, event_id, version, metadata,
    epoch, topic, partition, offset, idx, received_at, landed_at,
    producer_id, boot_id, sequence
FROM {database}.samples_log FINAL
COMMENT 'Samples, each once; columns as in samples_log'
