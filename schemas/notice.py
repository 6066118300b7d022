"""The notice: what a webhook is sent about one group of alerts.

`schemas/structs.py` has the same record as a fast struct, for whoever writes it; a test holds the two together.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.alert import Alert, AlertSeverity

NoticeKind = Literal["firing", "resolved", "repeat", "acknowledged", "test", "custom", "heartbeat"]


class NoticeRecord(BaseModel):
    """One message for one channel about one group of alerts.

    `key` is its identity: every attempt to deliver the same notice has the same, and the same content.
    """

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    type: Literal["notice"] = Field("notice", description="Always `notice`.")
    schema_version: int = Field(1, ge=1, description="Version of this contract. Later ones only add fields.")
    key: str = Field(description="Identity of the notice, also in the header Idempotency-Key. Drop what you have seen.")
    channel: str = Field(description="Name of the channel in the notifications file.")
    group: str = Field(description="The group of alerts; the same from its first notice until it is resolved.")
    kind: NoticeKind = Field(
        description="firing: something has begun or changed; repeat: it still fires; resolved: all of it is over; "
        "acknowledged: somebody looks after it, as `text` says; "
        "test, custom and heartbeat are about no alert."
    )
    severity: AlertSeverity = Field(description="The gravest that fires; of a resolved notice, the gravest there was.")
    title: str = Field(description="One line for people.")
    text: str = Field("", description="What somebody wrote; of custom notices and acknowledgements.")
    alerts: list[Alert] = Field(default_factory=list, description="The last transition of each alert, gravest first.")
    omitted: int = Field(0, ge=0, description="How many more alerts the group has than are listed.")
