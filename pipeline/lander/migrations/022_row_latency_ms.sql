CREATE OR REPLACE FUNCTION row_latency_ms {on_cluster} AS (q, indexes, counts) ->
    if(empty(counts), NULL, bucket_ms(arrayReduce(concat('quantileExactWeighted(', toString(q), ')'), indexes, counts)))
