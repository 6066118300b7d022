"""A channel from its configuration."""

from __future__ import annotations

from pipeline.notifier.channels.config import ChannelConfig, EmailConfig, PagerDutyConfig, SlackConfig
from pipeline.notifier.channels.mail import EmailChannel
from pipeline.notifier.channels.pagerduty import PagerDutyChannel
from pipeline.notifier.channels.slack import slack_channel
from pipeline.notifier.channels.webhook import WebhookChannel
from pipeline.notifier.message import Channel


def make_channel(config: ChannelConfig) -> Channel:
    """Return the channel. Nothing is connected and no secret is read: that is done by `send`.

    Raises FatalError for a `ca_file` that can't be used.
    """
    if isinstance(config, SlackConfig):
        return slack_channel(config)
    if isinstance(config, EmailConfig):
        return EmailChannel(config)
    return PagerDutyChannel(config) if isinstance(config, PagerDutyConfig) else WebhookChannel(config)
