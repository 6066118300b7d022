"""Where notices go: Slack, e-mail, any HTTP receiver, PagerDuty. `config` says what each takes, `making` makes them."""
