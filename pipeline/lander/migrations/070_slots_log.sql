-- sharding: cityHash64(service, operation, environment, dimensions)
ALTER TABLE {database}.slots_log{local} {on_cluster}
    ADD COLUMN IF NOT EXISTS repaired UInt16 DEFAULT 0
        COMMENT 'How often `pipeline repair` has made it anew from raw rows; 0: as the stream told it' AFTER part,
    ADD COLUMN IF NOT EXISTS late UInt64 DEFAULT 0
        COMMENT 'Late events that a repair has counted here: part of events and error_events' AFTER repaired,
    MODIFY COLUMN IF EXISTS precedence UInt64
        MATERIALIZED bitShiftLeft(toUInt64(repaired), 48) + least(version, 140737488355327) * 2 + final
        COMMENT 'What decides between versions: repaired ones win, then the greater version, then a final one'
