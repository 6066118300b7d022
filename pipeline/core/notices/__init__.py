"""What people are told: from transitions of alerts to messages, each for one channel about one group of alerts."""
