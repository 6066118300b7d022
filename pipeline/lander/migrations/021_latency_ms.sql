CREATE OR REPLACE FUNCTION latency_ms {on_cluster} AS (q, indexes, counts) ->
    if(sum(arraySum(counts)) = 0, NULL, bucket_ms(quantileExactWeightedArray(q)(indexes, counts)))
