-- sharding: cityHash64(topic, partition, offset)
ALTER TABLE {database}.samples_log{local} {on_cluster}
    ADD COLUMN IF NOT EXISTS producer_id LowCardinality(String)
        COMMENT 'Producer that numbered it in its ledger header, empty where there was none',
    ADD COLUMN IF NOT EXISTS boot_id LowCardinality(String)
        COMMENT 'Boot of the producer: numbers start again at 0 in each',
    ADD COLUMN IF NOT EXISTS sequence UInt64
        COMMENT 'Number of the event within its producer''s boot' CODEC(Delta, ZSTD(1)),
    ADD INDEX IF NOT EXISTS boot_bloom boot_id TYPE bloom_filter(0.001) GRANULARITY 4,
    ADD INDEX IF NOT EXISTS sequence_range sequence TYPE minmax GRANULARITY 1,
    ADD INDEX IF NOT EXISTS received_range received_at TYPE minmax GRANULARITY 1
