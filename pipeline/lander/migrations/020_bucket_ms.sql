CREATE OR REPLACE FUNCTION bucket_ms {on_cluster} AS (k) -> if(k < 0, 0, exp2(k / 64) * 1.005415159415902577 / 1000)
