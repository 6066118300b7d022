CREATE OR REPLACE VIEW {database}.reckoning {on_cluster} AS
SELECT
    epoch, source,
    sum(slot_events) AS in_slots, sum(late_events) AS late, sum(dead_events) AS dead, sum(raw_rows) AS in_raw,
    toInt64(in_slots) + toInt64(late) - toInt64(in_raw) AS difference
FROM
(
    SELECT
        epoch, toString(source) AS source, sum(events + error_events) - sum(s.late) AS slot_events,
        0 AS late_events, 0 AS dead_events, 0 AS raw_rows
    FROM {database}.slots_log AS s FINAL WHERE service = '' AND operation = '' GROUP BY epoch, source
    UNION ALL
    SELECT epoch, toString(source), 0, late, dead, 0 FROM {database}.source_marks_log FINAL
    UNION ALL
    SELECT epoch, concat(topic, '-', toString(partition)), 0, 0, 0, count()
    FROM {database}.operations_log FINAL GROUP BY epoch, topic, partition
    UNION ALL
    SELECT epoch, concat(topic, '-', toString(partition)), 0, 0, 0, count()
    FROM {database}.errors_log FINAL GROUP BY epoch, topic, partition
)
GROUP BY epoch, source
COMMENT 'By source partition: events in slots + late = rows in the raw tables; difference says by how much not'
