"""The notifier: a process of its own that reads `alerts` and tells people, by Slack, e-mail, webhook and PagerDuty."""
