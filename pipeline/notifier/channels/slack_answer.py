"""What Slack's answers mean: it says most of its errors in the body of a success."""

from __future__ import annotations

import msgspec

from pipeline.notifier.channels.http_post import Answer, said
from pipeline.notifier.message import Refused

GONE = frozenset(
    {
        *("message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"),
        *("channel_not_found", "not_in_channel", "is_archived"),
    }
)
"""The message that was to be edited can't be, or its channel is no more: a new one goes out instead."""

_NEVER = frozenset(
    {
        *("not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired", "not_allowed_token_type"),
        *("no_permission", "missing_scope", "ekm_access_denied", "access_denied", "restricted_action", "is_inactive"),
        *("restricted_action_read_only_channel",),
        *("msg_too_long", "msg_blocks_too_long", "too_many_attachments", "no_text", "as_user_not_supported"),
        *("invalid_blocks", "invalid_attachments", "invalid_blocks_format", "invalid_metadata_format"),
        *("metadata_too_large", "invalid_arg_name", "invalid_arguments", "invalid_array_arg", "invalid_charset"),
        *("invalid_form_data", "invalid_json", "json_not_object", "invalid_post_type", "missing_post_type"),
        *("method_deprecated", "messages_tab_disabled", "cannot_reply_to_message"),
    }
)
"""Errors that say that the message, the token or the channel is wrong. Every other may be over the next time."""


class SlackAnswer(msgspec.Struct, frozen=True):
    """The part of an answer that counts."""

    ok: bool
    error: str = ""
    channel: str = ""
    ts: str = ""


class SlackRefused(Refused):
    """Slack said no, and why: `error` is its word for it."""

    def __init__(self, error: str, text: str, *, permanent: bool, retry_after_s: float | None) -> None:
        super().__init__(text, permanent=permanent, retry_after_s=retry_after_s)
        self.error = error


def read_answer(answer: Answer, secrets: list[str]) -> SlackAnswer:
    """Return a good answer. Raises SlackRefused for `ok: false`, and Refused for what is not Slack's."""
    try:
        read = msgspec.json.decode(answer.text, type=SlackAnswer)
    except msgspec.DecodeError:
        raise Refused(f"Slack's answer is not its own{said(answer.text, secrets)}") from None
    if read.ok:
        return read
    raise SlackRefused(
        read.error,
        f"Slack refused{said(read.error, secrets)}",
        permanent=read.error in _NEVER | GONE,
        retry_after_s=answer.retry_after_s,
    )
