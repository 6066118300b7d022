"""Rules over the history: the live engine on panes that ClickHouse keeps. `pipeline rules backtest` runs it."""
