"""The pipeline broken on purpose, in one place each, to show that the checks would notice.

Every module has `break_it`, which patches production code in this interpreter, and runs as the command line:
``python -m tests.faults.breakages.not_held_back aggregator``.
"""

NAMES = (
    "not_held_back",
    "commit_before_ack",
    "adds_instead_of_replacing",
    "older_version_wins",
    "keeps_departed_state",
)
