"""Consumer groups from outside: who is in them, and what they have committed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

Committed = dict[TopicPartition, int]


async def members_of(admin: AIOKafkaAdminClient, groups: Collection[str]) -> list[str]:
    """Return who is in the groups, as people can find them: group, client and host."""
    # One at a time: aiokafka 0.14 reads the answer about several wrongly (it leaves out a field behind each).
    answers = [answer.to_object() for group in groups for answer in await admin.describe_consumer_groups([group])]
    found: list[dict[str, Any]] = [group for answer in answers for group in answer["groups"]]
    return [
        f"{group['group']}: {member['client_id']} at {member['client_host'].lstrip('/')}"
        for group in found
        for member in group["members"]
    ]


async def committed_by(admin: AIOKafkaAdminClient, group: str) -> Committed:
    """Return the offsets that a group has committed; of a group that never was, none."""
    found = await admin.list_consumer_group_offsets(group)
    return {place: at.offset for place, at in found.items() if at.offset >= 0}
