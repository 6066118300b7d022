"""The verdict on a run of the fault machine: what the log holds against everything that the pipeline says of it.

`watch` follows every topic and every commit while the run goes on; `judge` compares. The oracle reads the log alone. It
shares the decoder and the formats of records with the pipeline, which other tests hold to the contract, and nothing
that counts, sums, closes or decides.
"""
