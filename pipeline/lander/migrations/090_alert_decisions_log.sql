-- sharding: cityHash64(rule, environment, service, operation, dimensions)
ALTER TABLE {database}.alert_decisions_log{local} {on_cluster}
    ADD COLUMN IF NOT EXISTS channel LowCardinality(String)
        COMMENT 'The channel that the notifier did not send to, or not yet; empty in what the alert engine decided',
    ADD COLUMN IF NOT EXISTS held_by String
        COMMENT 'What kept people from being told: a silence, an acknowledgement, a window, another alert, a notice'
        CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS author LowCardinality(String)
        COMMENT 'Who ordered that, of a silence or an acknowledgement',
    ADD COLUMN IF NOT EXISTS answer String
        COMMENT 'What the channel said when the notice was given up' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS until Nullable(DateTime64(3, 'UTC'))
        COMMENT 'When that ends, by the clock; NULL if it is not known',
    ADD COLUMN IF NOT EXISTS held Nullable(DateTime64(3, 'UTC'))
        COMMENT 'When the notifier decided it, by its clock; NULL in what the alert engine decided'
