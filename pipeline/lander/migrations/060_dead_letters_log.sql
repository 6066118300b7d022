-- sharding: cityHash64(topic, partition, offset)
ALTER TABLE {database}.dead_letters_log{local} {on_cluster}
    ADD COLUMN IF NOT EXISTS attempt UInt32
        COMMENT 'How often it was tried: 2 when it was sent again and refused again; 0 in rows of older releases'
