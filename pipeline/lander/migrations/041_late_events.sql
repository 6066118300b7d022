CREATE OR REPLACE VIEW {database}.late_events {on_cluster} AS
SELECT epoch, topic, partition, offset, idx, pane_start, received_at, landed_at
FROM {database}.late_events_log FINAL
COMMENT 'Events that came after their pane was closed: in the raw tables, and in no slot but a repaired one'
