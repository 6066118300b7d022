"""Rules over made-up traffic: the live engine on a clock of its own, without Kafka. `pipeline rules test` runs it."""
