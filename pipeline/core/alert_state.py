"""What is known of a rule on a series: the record that is kept, and all of them together.

The state record is the outbox: it carries its last transition, so whoever finds the record after a crash can send
that transition again, with the same id and the same content.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from pipeline.core.alert_reasons import Reason
from pipeline.core.rules import DAY_MS, Severity
from pipeline.core.series import Series
from schemas.structs import Alert, AlertPhase, Decided

FORMAT = 2
"""1 knew neither `recovering` nor `frozen_ms`; it can be read."""

Phase = AlertPhase
ACTIVE: frozenset[Phase] = frozenset({"pending", "firing", "recovering"})
FIRED: frozenset[Phase] = frozenset({"firing", "recovering"})
"""An alert that has fired and is not over."""

Key = tuple[str, Series]


class SignalMarks(msgspec.Struct, frozen=True):
    """The critical errors of an episode, and how far each source was read: an error told twice counts once."""

    last_ms: int  # event time of the newest, or the watermark when it came, whichever is later
    count: int
    seen: dict[str, tuple[int, int]]  # "epoch:topic-partition" -> (offset, index) of the last one


class AlertState(msgspec.Struct, frozen=True, kw_only=True):
    """One rule on one series. Times are event time.

    `last_step_ms` and `last_decided` say at which look the last transition was decided; older looks change nothing.
    """

    format: int = FORMAT
    rule: str
    series: Series
    state: Phase
    severity: Severity
    episode: int
    sequence: int
    started_ms: int  # the episode's first breach
    since_ms: int  # when the present state began
    last_step_ms: int
    last_decided: Decided
    last_transition: Alert
    told_severity: Severity | None = None  # the gravest that people were told in this episode
    cooldown_until_ms: int | None = None
    cooldown_severity: Severity | None = None  # what the cooldown is about; graver breaks through
    last_event_ms: int | None = None  # absence only: end of the last pane with an event
    frozen_ms: int | None = None  # the step since which data is missing that may undo what it shows
    signals: SignalMarks | None = None  # critical_error only
    last_reason: Reason | None = None  # why the state was last changed, or frozen, or thawed
    last_min_samples: int | None = None  # that the rule asked for when it made the last transition

    @property
    def key(self) -> Key:
        """What the state is about."""
        return (self.rule, self.series)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AlertState)


def encode_state(state: AlertState) -> bytes:
    """Return a state as JSON."""
    return _encoder.encode(state)


def decode_state(payload: bytes) -> AlertState:
    """Return the state in JSON; raises msgspec.ValidationError for anything else and for a newer format."""
    state = _decoder.decode(payload)
    if state.format > FORMAT:
        raise msgspec.ValidationError(f"alert state of format {state.format}; this release reads up to {FORMAT}")
    return state


def state_key(rule: str, series: Series) -> str:
    """Return the record key of a state: a JSON array of the rule's name and the series' parts."""
    return msgspec.json.encode((rule, *series)).decode()


class AlertStates:
    """All states of one shard, by rule and series, with the active ones at hand.

    `on_time_ms` is the last step that was decided on the watermark, None before the first. States are kept in the order
    in which they are decided, so one of a step says that all steps before it were decided to the end.
    `shard` of `shards` says which series are ours, for rules that name series that were never seen. `withheld` is what
    was not decided at that step because of missing data, and why.
    """

    def __init__(self, states: Iterable[AlertState] = (), *, shard: int = 0, shards: int = 1) -> None:
        if not 0 <= shard < shards:
            raise ValueError(f"there is no shard {shard} of {shards}")
        self.shard = shard
        self.shards = shards
        self.on_time_ms: int | None = None
        self.withheld: dict[Key, Reason] = {}
        self._all: dict[Key, AlertState] = {}
        self._active: dict[str, dict[Series, AlertState]] = {}
        for state in states:
            self.put(state)

    def __iter__(self) -> Iterator[AlertState]:
        return iter(self._all.values())

    def __len__(self) -> int:
        return len(self._all)

    def get(self, rule: str, series: Series) -> AlertState | None:
        """Return the state of a rule on a series, None where it was never in breach."""
        return self._all.get((rule, series))

    def put(self, state: AlertState) -> None:
        """Take a new state in place of the old one."""
        if state.last_decided == "on_time":
            self.decided(state.last_step_ms)
        self._all[state.key] = state
        active = self._active.setdefault(state.rule, {})
        if state.state in ACTIVE:
            active[state.series] = state
        else:
            active.pop(state.series, None)
        if not active:
            del self._active[state.rule]

    def decided(self, step_end_ms: int) -> None:
        """Note that a step was decided on the watermark."""
        self.on_time_ms = step_end_ms if self.on_time_ms is None else max(self.on_time_ms, step_end_ms)

    def forget(self, key: Key) -> None:
        """Drop a state; its table record is to be deleted with it."""
        self._all.pop(key, None)
        self._active.get(key[0], {}).pop(key[1], None)

    def active(self, rule: str) -> dict[Series, AlertState]:
        """Return the active states of a rule, by series. Not to be changed."""
        return self._active.get(rule, {})

    def active_rules(self) -> list[str]:
        """Return the names of rules with an active state."""
        return list(self._active)

    def forgettable(self, end_ms: int) -> list[Key]:
        """Return what has been quiet for 24 hours at `end_ms`. Costs a look at every state: ask once a minute."""
        return [
            key
            for key, state in self._all.items()
            if state.state not in ACTIVE and end_ms - max(state.last_step_ms, state.cooldown_until_ms or 0) >= DAY_MS
        ]
