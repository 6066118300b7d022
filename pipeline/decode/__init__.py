"""Bytes into events, or the reason why not: one contract, two lanes.

The fast lane (`batch.py`, `events.py`) decodes with msgspec; whatever it refuses, or can't be sure of (`doubts.py`),
the slow lane (`slow.py`) lets pydantic judge by the models in `schemas/`. `explain.py` has the sentences.
"""

from pipeline.decode.batch import decode_errors, decode_operations, decode_samples
from pipeline.decode.dead_letter import dead_letter
from pipeline.decode.derived import SEVERITY_CODES, derived_outcome, duration_us, durations_us, future_detail
from pipeline.decode.events import Error, Event, Operation, Sample
from pipeline.decode.json_text import element_of
from pipeline.decode.kinds import TopicKind
from pipeline.decode.line import parse_line
from pipeline.decode.result import Decoded, Rejection
from schemas.reasons import Reason

__all__ = [
    "SEVERITY_CODES",
    "Decoded",
    "Error",
    "Event",
    "Operation",
    "Reason",
    "Rejection",
    "Sample",
    "TopicKind",
    "dead_letter",
    "decode_errors",
    "decode_operations",
    "decode_samples",
    "derived_outcome",
    "duration_us",
    "durations_us",
    "element_of",
    "future_detail",
    "parse_line",
]
