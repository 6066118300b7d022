CREATE OR REPLACE VIEW {database}.source_marks {on_cluster} AS
SELECT
    epoch, source, position, watermark, closed_through, idle, operations, errors, late, dead, worker,
    received_at, landed_at
FROM {database}.source_marks_log FINAL
COMMENT 'How far each source partition has come, newest mark only; columns as in source_marks_log'
