CREATE OR REPLACE VIEW {database}.ledger {on_cluster} AS
WITH
    boots AS
    (
        SELECT producer_id, boot_id, min(sequence) AS lowest, max(sequence) AS highest
        FROM {database}.ledger_events
        WHERE received_at >= {from:DateTime64(3, 'UTC')} AND received_at < {to:DateTime64(3, 'UTC')}
        GROUP BY producer_id, boot_id
    ),
    -- The last number before the first one of the range: without it a hole at the edge could not be seen.
    before AS
    (
        SELECT b.producer_id AS producer_id, b.boot_id AS boot_id, max(e.sequence) AS last
        FROM {database}.ledger_events AS e INNER JOIN boots AS b USING (producer_id, boot_id)
        WHERE e.sequence < b.lowest
        GROUP BY producer_id, boot_id
    )
SELECT
    producer_id, boot_id, toStartOfMinute(received_at) AS minute,
    countIf(first) + sum(hole) AS produced,
    countIf(first AND fate = 'counted') AS counted,
    countIf(first AND fate = 'late') AS late,
    countIf(first AND fate = 'dead') AS dead,
    sumIf(hole, settled) AS lost,
    countIf(first AND fate = 'in flight') + sumIf(hole, NOT settled) AS in_flight,
    countIf(NOT first AND in_raw) AS repeated,
    min(sequence) AS first_sequence, max(sequence) AS last_sequence
FROM
(
    SELECT
        producer_id, boot_id, sequence, fate, in_raw, received_at,
        received_at < {settled:DateTime64(3, 'UTC')} AS settled,
        lagInFrame(toInt64(sequence), 1, before_range) OVER of_boot AS previous,
        sequence > previous AS first,
        if(first, sequence - previous - 1, 0) AS hole
    FROM
    (
        SELECT
            e.producer_id AS producer_id, e.boot_id AS boot_id, e.sequence AS sequence, e.fate AS fate,
            e.in_raw AS in_raw, e.received_at AS received_at,
            if(p.producer_id = '', -1, toInt64(p.last)) AS before_range
        FROM {database}.ledger_events AS e
        INNER JOIN boots AS b ON e.producer_id = b.producer_id AND e.boot_id = b.boot_id
        LEFT JOIN before AS p ON e.producer_id = p.producer_id AND e.boot_id = p.boot_id
        WHERE e.sequence >= b.lowest AND e.sequence <= b.highest
    )
    -- Of several with one number the best fate counts, the earliest of it: the others are repeated.
    WINDOW of_boot AS (PARTITION BY producer_id, boot_id ORDER BY sequence, fate, in_raw DESC, received_at)
)
WHERE received_at >= {from:DateTime64(3, 'UTC')} AND received_at < {to:DateTime64(3, 'UTC')}
GROUP BY producer_id, boot_id, minute
HAVING produced + repeated > 0
COMMENT 'By producer, boot and minute: produced = counted + late + dead + lost + in_flight; see docs/history.md'
