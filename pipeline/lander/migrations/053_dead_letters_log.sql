-- sharding: cityHash64(topic, partition, offset)
ALTER TABLE {database}.dead_letters_log{local} {on_cluster}
    ADD COLUMN IF NOT EXISTS producer_id LowCardinality(String)
        COMMENT 'Producer that numbered it in its ledger header, empty where there was none',
    ADD COLUMN IF NOT EXISTS boot_id LowCardinality(String)
        COMMENT 'Boot of the producer: numbers start again at 0 in each',
    ADD COLUMN IF NOT EXISTS sequence UInt64
        COMMENT 'Number of the refused event, or of the first one in a refused record, within its producer''s boot',
    ADD COLUMN IF NOT EXISTS events UInt32
        COMMENT 'How many events with numbers from sequence on were refused; 0 where there was no ledger header'
