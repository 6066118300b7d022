"""Settings: one model, read from environment variables ``PIPELINE_…``.

`docs/configuration.md` is generated from this file by `make docs`; a test holds the two together.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, PrivateAttr, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

HOME_NAME = ".pipeline"


def find_home(start: Path | None = None) -> Path:
    """Return the nearest `.pipeline` folder at or above `start` (the working directory); one in it if there is none."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / HOME_NAME).is_dir():
            return folder / HOME_NAME
    return here / HOME_NAME


def user_cache() -> Path:
    """Return this user's folder for what can be fetched again, shared by all pipelines (XDG)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "event-pipeline"


class Settings(BaseSettings):
    """Everything that can be chosen. Durations say their unit in their name."""

    model_config = SettingsConfigDict(env_prefix="PIPELINE_", extra="ignore", frozen=True)

    home: Path = Field(default_factory=find_home, description="Folder for state: embedded servers, logs.")
    cache: Path = Field(
        default_factory=user_cache, description="Folder for what is fetched once, by default in the user's cache: jars."
    )
    kafka: str | None = Field(
        None, description="Kafka bootstrap servers, host:port[,host:port]. Unset: `pipeline up` starts Kafka itself."
    )
    clickhouse: str | None = Field(
        None,
        description="ClickHouse HTTP address, http://[user:password@]host:port[/database]. Unset: `pipeline up` starts "
        "the embedded one.",
    )
    kafka_port: int = Field(9092, ge=0, le=65535, description="Port of the embedded Kafka; 0 takes a free one.")
    clickhouse_port: int = Field(8123, ge=0, le=65535, description="Port of the embedded ClickHouse; 0: a free one.")
    clickhouse_host: str = Field(
        "127.0.0.1",
        description="Where the embedded ClickHouse listens. Elsewhere than on loopback needs both passwords.",
    )
    clickhouse_password: SecretStr = Field(
        SecretStr(""), description="Password of the embedded ClickHouse's user `default`, who may do everything."
    )
    clickhouse_reader: str = Field("reader", description="ClickHouse user that the API and `pipeline sql` read as.")
    clickhouse_reader_password: SecretStr = Field(SecretStr(""), description="Password of that user.")
    kafka_heap_mb: int = Field(384, ge=128, description="Java heap of the embedded Kafka, in MiB.")
    database: str = Field("pipeline", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="ClickHouse database.")
    namespace: str = Field(
        "",
        pattern=r"^[a-z0-9-]*$",
        description="Prefix of topics and consumer groups, so that several pipelines can share one Kafka.",
    )
    epoch: int = Field(
        1,
        ge=1,
        description="Epoch at the first start, part of every identity. Later `control` knows it; `pipeline new-epoch` "
        "raises it when a topic was made again.",
    )
    partitions: int = Field(8, ge=1, description="Partitions of events.*, panes, signals, stats, live, alerts.")
    replication: int = Field(1, ge=1, description="Replication factor of topics that the pipeline makes.")
    worker_id: str = Field("", description="Stable name of this worker, for static membership. Unset: made at start.")

    pane_seconds: int = Field(10, ge=1, le=600, description="Length of a pane, and the step of every window.")
    windows: tuple[str, ...] = Field(
        ("1m", "5m", "15m", "1h"), description="Sliding windows: whole numbers of panes, as JSON list of 30s, 5m, 1h."
    )
    long_windows: tuple[str, ...] = Field(
        ("30m", "2h", "6h", "24h", "3d"),
        description="Windows that move by long panes: whole numbers of them, as JSON list; those of PIPELINE_WINDOWS "
        "are left out. [] keeps none.",
        validate_default=True,
    )
    long_pane_seconds: int = Field(
        300, ge=1, description="Length of a long pane, and the step of every long window; a whole number of panes."
    )
    out_of_orderness_ms: int = Field(2_000, ge=0, description="How far events may be out of order before they wait.")
    allowed_lateness_ms: int = Field(30_000, ge=0, description="Until then a late event corrects its pane.")
    future_limit_ms: int = Field(30_000, ge=0, description="Further than this past the broker's time is refused.")
    idle_after_ms: int = Field(5_000, ge=100, description="A partition at its end is idle after this long.")
    start_grace_ms: int = Field(5_000, ge=0, description="A partition never used counts as idle after this long.")
    dead_ratio: float = Field(
        0.99,
        ge=0,
        le=1,
        description="The aggregator stops when this share of a partition's last 20,000 events or more was refused; 0: "
        "never.",
    )
    dead_consecutive: int = Field(
        10_000,
        ge=0,
        description="The aggregator stops when so many events of a partition in a row were refused; 0: never.",
    )
    flush_ms: int = Field(500, ge=10, description="How often open panes are sent on.")
    early_ms: int = Field(500, ge=10, description="How often rules are evaluated early.")
    series_max: int = Field(2_000, ge=1, description="Operations per source partition and pane; more overflow.")
    services_max: int = Field(256, ge=1, description="Services per source partition and pane; more overflow.")
    slow_threshold_ms: float = Field(1_000, gt=0, description="A call is slow from this duration on (in stats).")
    notifications: Path | None = Field(
        None, description="Notifications file (YAML): who is told of alerts, and how. Unset: nobody is."
    )
    rules: Path | None = Field(None, description="Rules file (YAML), or presets: preset:NAME[+NAME]. Unset: defaults.")

    batch_rows: int = Field(50_000, ge=1, description="Rows in one insert into ClickHouse, at most.")
    batch_ms: int = Field(1_000, ge=10, description="How long rows wait for one insert, at most.")
    raw_days: int = Field(30, ge=1, description="How long raw events are kept in ClickHouse.")
    slots_days: int = Field(7, ge=1, description="How long slots are kept in ClickHouse.")
    rollup_months: int = Field(13, ge=1, description="How long roll-ups of panes are kept in ClickHouse.")
    alerts_days: int = Field(30, ge=1, description="How long alerts are kept in ClickHouse.")
    decisions_days: int = Field(30, ge=1, description="How long decisions about alerts are kept in ClickHouse.")

    stop_seconds: float = Field(10, gt=0, description="A worker that was told to stop leaves after this long.")
    stuck_seconds: float = Field(60, gt=0, description="A worker that lags and does not move for so long exits.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged.")

    _epochs: dict[str, int] = PrivateAttr(default_factory=dict)

    def epoch_of(self, topic: str) -> int:
        """Return the epoch of a topic: what `with_epochs` was told, else the setting."""
        return self._epochs.get(topic, self.epoch)

    def with_epochs(self, epochs: Mapping[str, int]) -> Self:
        """Return the same settings with the epochs that were found, by topic."""
        copy = self.model_copy()
        copy._epochs = dict(epochs)  # noqa: SLF001 - its own
        return copy

    @model_validator(mode="after")
    def _long_windows_fit(self) -> Self:
        pane, long = self.pane_seconds, self.long_pane_seconds
        if self.long_windows and long % pane:
            raise ValueError(
                f"long_pane_seconds: {long} s is not a whole number of panes of {pane} s (pane_seconds); choose one "
                "that is, or keep no long windows (long_windows: [])"
            )
        for name in self.long_windows:
            if window_ms(name) % (long * 1000):
                raise ValueError(f"long_windows: {name} is not a whole number of long panes of {long} s")
        return self

    @field_validator("kafka")
    @classmethod
    def _kafka_addresses(cls, value: str | None) -> str | None:
        for address in (value or "").split(","):
            host, _, port = address.strip().rpartition(":")
            if value and not (host and port.isdigit()):
                raise ValueError(f"{address!r} is not host:port")
        return value or None

    @field_validator("windows", "long_windows")
    @classmethod
    def _window_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            window_ms(name)
        return value

    @field_validator("long_windows")
    @classmethod
    def _none_twice(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        return tuple(name for name in value if name not in info.data.get("windows", ()))


_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def window_ms(name: str) -> int:
    """Return the length in milliseconds of a window such as ``30s``, ``5m``, ``1h``, ``3d``; else ValueError."""
    number, unit = name[:-1], name[-1:]
    if unit not in _UNIT_MS or not number.isdigit() or int(number) == 0:
        raise ValueError(f"{name!r} is not a window: give a whole number and s, m, h or d, for example 5m")
    return int(number) * _UNIT_MS[unit]
