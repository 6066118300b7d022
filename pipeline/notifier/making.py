"""The channels of the file, ready to send."""

from __future__ import annotations

import logging

from pipeline.errors import FatalError
from pipeline.notifier.channels.config import unset_secrets
from pipeline.notifier.channels.making import make_channel
from pipeline.notifier.notifications_file import Notifications
from pipeline.notifier.session import Told

log = logging.getLogger(__name__)


def made_channels(notifications: Notifications) -> dict[str, Told]:
    """Return the channels by name. Raises FatalError for a file of certificates that can't be read.

    A channel whose secret is not there is made all the same, and said so: the others must not wait for it.
    """
    made = {}
    for config in notifications.channels:
        for missing in unset_secrets(config):
            log.error("channel %s can't send as it is: %s", config.name, missing)
        try:
            made[config.name] = Told(make_channel(config), config)
        except FatalError as error:
            raise FatalError(f"channel {config.name}: {error}") from None
    return made
