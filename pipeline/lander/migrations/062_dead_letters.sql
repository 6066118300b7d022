CREATE OR REPLACE VIEW {database}.dead_letters {on_cluster} AS
SELECT
    epoch, topic, partition, offset, idx, appended_at, reason, detail, key, value, value_bytes, truncated, headers,
    received_at, landed_at,
    producer_id, boot_id, sequence, events,
    greatest(attempt, 1) AS attempt, if(outcome = '', 'waiting', outcome) AS state
FROM
(
    SELECT * FROM {database}.dead_letters_log FINAL
) AS letters
LEFT JOIN
(
    SELECT epoch, topic, partition, offset, idx, toString(argMax(outcome, decided_at)) AS outcome
    FROM {database}.dead_outcomes_log
    GROUP BY epoch, topic, partition, offset, idx
) AS ends
USING (epoch, topic, partition, offset, idx)
COMMENT 'What could not be used and why, each once; state says whether it waits, or was replayed, landed or dropped'
