CREATE OR REPLACE VIEW {database}.ledger_events {on_cluster} AS
SELECT
    e.producer_id AS producer_id, e.boot_id AS boot_id, e.sequence AS sequence,
    CAST(
        multiIf(
            e.dead, 'dead',
            (e.epoch, e.topic, e.partition, e.offset, e.idx)
                IN (SELECT epoch, topic, partition, offset, idx FROM {database}.late_events_log), 'late',
            e.offset < m.position, 'counted',
            'in flight'
        ),
        'Enum8(''counted'' = 1, ''late'' = 2, ''in flight'' = 3, ''dead'' = 4)'
    ) AS fate,
    e.in_raw AS in_raw,
    e.environment AS environment, e.service AS service, e.timestamp AS timestamp,
    e.epoch AS epoch, e.topic AS topic, e.partition AS partition, e.offset AS offset, e.idx AS idx,
    e.received_at AS received_at
FROM
(
    SELECT
        producer_id, boot_id, sequence, true AS in_raw, false AS dead, environment, service,
        CAST(timestamp, 'Nullable(DateTime64(3, ''UTC''))') AS timestamp,
        epoch, topic, partition, offset, idx, received_at
    FROM {database}.operations_log FINAL WHERE producer_id != ''
    UNION ALL
    SELECT producer_id, boot_id, sequence, true, false, environment, service, timestamp,
        epoch, topic, partition, offset, idx, received_at
    FROM {database}.errors_log FINAL WHERE producer_id != ''
    UNION ALL
    SELECT producer_id, boot_id, sequence, true, false, environment, service, timestamp,
        epoch, topic, partition, offset, idx, received_at
    FROM {database}.samples_log FINAL WHERE producer_id != ''
    UNION ALL
    SELECT producer_id, boot_id, sequence + number, false, reason != 'landing', '', '', NULL,
        epoch, topic, partition, offset, toUInt32(greatest(idx, 0)), appended_at
    FROM {database}.dead_letters_log FINAL ARRAY JOIN range(events) AS number WHERE producer_id != ''
) AS e
LEFT JOIN
(
    SELECT
        epoch, substring(source, 1, length(source) - position(reverse(source), '-')) AS topic,
        toUInt32(substring(source, length(topic) + 2)) AS partition, position
    FROM {database}.source_marks_log FINAL
) AS m
ON e.epoch = m.epoch AND e.topic = m.topic AND e.partition = m.partition
COMMENT 'Every event that its producer numbered, and what became of it; in flight: the aggregator has yet to count it'
