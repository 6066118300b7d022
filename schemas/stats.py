"""The stats record: what one series looked like at the end of one step, as it stands on the topic `stats`.

One record per series and step, with every window in it. `schemas/structs.py` has the same record as a fast struct.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ErrorsBySeverity(BaseModel):
    """Error events by severity, each as many times as its weight."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    warning: int = Field(0, ge=0, description="Error events of severity warning.")
    error: int = Field(0, ge=0, description="Error events of severity error.")
    critical: int = Field(0, ge=0, description="Error events of severity critical.")


class WindowStats(BaseModel):
    """One sliding window of one series. Figures that need a call are null where there was none."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    start_ms: int = Field(description="First millisecond of the window.")
    end_ms: int = Field(description="First millisecond after the window.")
    events: int = Field(ge=0, description="Operation events, each counted as one.")
    calls: int = Field(ge=0, description="Calls: operation events by weight. A sampled event stands for several.")
    failures: int = Field(ge=0, description="Calls that failed; cancelled ones are not among them.")
    client_errors: int = Field(ge=0, description="Failed calls whose outcome is client_error.")
    timeouts: int = Field(ge=0, description="Failed calls whose outcome is timeout.")
    cancelled: int = Field(ge=0, description="Cancelled calls; they count in neither rate.")
    rate_per_second: float = Field(ge=0, description="Calls per second over the window.")
    rate_per_minute: float = Field(ge=0, description="Calls per minute over the window.")
    trend_ratio: float | None = Field(
        None, description="Rate of the later half over that of the earlier half, less one: 0 is steady."
    )
    error_rate: float | None = Field(None, ge=0, le=1, description="failures / (calls - cancelled).")
    success_rate: float | None = Field(None, ge=0, le=1, description="1 - error_rate.")
    avg_ms: float | None = Field(None, ge=0, description="Mean duration of all calls, by weight.")
    min_ms: float | None = Field(None, ge=0, description="Least duration.")
    max_ms: float | None = Field(None, ge=0, description="Greatest duration.")
    p50_ms: float | None = Field(None, ge=0, description="Median duration, within 0.55 % (nearest rank).")
    p95_ms: float | None = Field(None, ge=0, description="95th percentile of durations, within 0.55 %.")
    p99_ms: float | None = Field(None, ge=0, description="99th percentile of durations, within 0.55 %.")
    p999_ms: float | None = Field(None, ge=0, description="99.9th percentile of durations, within 0.55 %.")
    slow_calls: int = Field(ge=0, description="Calls that took the slow threshold or longer.")
    slow_per_minute: float = Field(ge=0, description="The same per minute.")
    error_events: int = Field(ge=0, description="Error events, each counted as one; apart from failures.")
    errors_per_second: float = Field(ge=0, description="Error events per second.")
    errors_by_severity: ErrorsBySeverity = Field(description="The same, counted apart and by weight.")
    status_codes: dict[str, int] = Field(default_factory=dict, description="Calls by status code.")


class StatsRecord(BaseModel):
    """Every window of one series at the end of one step.

    Identity: series, `step_end_ms`, `revision`. Of several for a step, the greatest revision is right.
    """

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    type: Literal["stats"] = Field("stats", description="Always `stats`.")
    schema_version: int = Field(1, ge=1, description="Version of this contract. Later ones only add fields.")
    environment: str = Field(description="Environment of the series.")
    service: str = Field(description="Service of the series; empty: over all services.")
    operation: str = Field(description="Operation of the series; empty: over all operations.")
    dimensions: dict[str, str] = Field(default_factory=dict, description="Further dimensions of the series.")
    step_end_ms: int = Field(description="End of the step, which is the end of every window in the record.")
    status: Literal["early", "on_time", "late"] = Field(
        description="on_time: at the watermark; late: corrected by late events; early: in the making, on `live` only."
    )
    revision: int = Field(0, ge=0, description="0 for the first record of a step, greater with each correction.")
    watermark_ms: int | None = Field(None, description="The least watermark when it was computed.")
    completeness: float | None = Field(None, ge=0, le=1, description="Share of sources that had nothing more to say.")
    windows: dict[str, WindowStats] = Field(
        description="Each window by its name.", examples=[{"1m": {}, "5m": {}, "15m": {}, "1h": {}}]
    )
