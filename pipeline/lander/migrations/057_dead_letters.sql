CREATE OR REPLACE VIEW {database}.dead_letters {on_cluster} AS
SELECT
    epoch, topic, partition, offset, idx, appended_at, reason, detail, key, value, value_bytes, truncated, headers,
    received_at, landed_at,
    producer_id, boot_id, sequence, events
FROM {database}.dead_letters_log FINAL
COMMENT 'What could not be used and why, each once; columns as in dead_letters_log'
