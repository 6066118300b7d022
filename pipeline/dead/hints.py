"""What to do about a dead letter, by its reason."""

from __future__ import annotations

from schemas.reasons import Reason

HINTS: dict[Reason, str] = {
    Reason.NULL_VALUE: "There is nothing to send again. Find out who writes tombstones to a topic of events, "
    "then drop it.",
    Reason.TOO_LARGE: "Let the producer send smaller arrays; the record itself is kept where it lies until retention.",
    Reason.NOT_UTF8: "Mend the producer's encoding. What is here can be sent again through a command that mends it "
    "(`--through`), for example iconv.",
    Reason.NOT_JSON: "Mend the producer. What is here can be sent again through a command that makes JSON of it.",
    Reason.WRONG_TYPE: "Mend the producer, then send this again through a command that mends it: "
    "`--through 'jq -c \".duration_ms |= tonumber\"'`.",
    Reason.MISSING_FIELD: "Mend the producer, then send this again through a command that fills the field in: "
    '`--through \'jq -c ".service = \\"checkout\\""\'`.',
    Reason.INVALID_VALUE: "Mend the producer, then send this again through a command that puts the value right.",
    Reason.WRONG_TOPIC: "Let the producer send it to the topic that is named. This one can be published there: "
    "`pipeline dead show ID --bytes | pipeline publish -`.",
    Reason.FUTURE_TIMESTAMP: "Set the sender's clock right. Once its time has come the event is taken as it is: "
    "replay it.",
    Reason.LANDING: "It was counted, and ClickHouse would not take its row. Mend the table, or upgrade, then "
    "replay it: its row is written again, and nothing is counted twice.",
}
"""A sentence or two for each reason; a test holds that none is without."""


def hint_for(reason: str) -> str:
    """Return what to do, also about a reason of a later release."""
    try:
        return HINTS[Reason(reason)]
    except ValueError:
        return "A later release gave this reason: its documents say what it means."
