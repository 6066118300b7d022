-- sharding: cityHash64(source)
CREATE TABLE IF NOT EXISTS {database}.source_marks_log{local} {on_cluster} (
    epoch UInt32 COMMENT 'Raised by `pipeline new-epoch`; part of the identity',
    source LowCardinality(String) COMMENT 'topic-partition that the mark is about; part of the identity',
    position UInt64 COMMENT 'Next offset to be read: the greater replaces the smaller',
    watermark Nullable(DateTime64(3, 'UTC'))
        COMMENT 'Event time that the source has reached; NULL where no event was ever seen',
    closed_through Nullable(DateTime64(3, 'UTC'))
        COMMENT 'Panes that end at or before this are final; NULL where none is',
    idle Bool COMMENT 'At its end, and nothing came for a while',
    operations UInt64 COMMENT 'Operation events counted in panes since the first offset of the source',
    errors UInt64 COMMENT 'Error events counted in panes',
    late UInt64 COMMENT 'Events that came after their pane was closed: only in the raw tables',
    dead UInt64 COMMENT 'Records and events that were refused to the dead letters',
    worker LowCardinality(String) COMMENT 'Aggregator that told it',
    received_at DateTime64(3, 'UTC') COMMENT 'When Kafka took it in',
    landed_at DateTime('UTC') DEFAULT now() COMMENT 'When ClickHouse took the row in',
    precedence UInt128
        MATERIALIZED bitShiftLeft(toUInt128(position), 64)
            + toUInt128(greatest(ifNull(toUnixTimestamp64Milli(closed_through), 0), 0))
        COMMENT 'What decides between marks: position, then closed_through'
)
ENGINE = {replicated}ReplacingMergeTree(precedence)
ORDER BY (epoch, source)
COMMENT 'How far each source partition has come, all marks: read the view source_marks'
