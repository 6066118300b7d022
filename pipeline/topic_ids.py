"""The ids of topics: Kafka gives each a new one when it is made, so that a topic made again is known as another.

aiokafka 0.14 asks for metadata of version 5 at most; ids are there from version 10 on (Kafka 2.8). So the one request
that is missing is written down here.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from io import BytesIO
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import IncompatibleBrokerVersion
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

_ID_BYTES = 16


class _Uuid:
    """A UUID on the wire: 16 bytes."""

    @classmethod
    def encode(cls, value: uuid.UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, buffer: BytesIO) -> uuid.UUID:
        return uuid.UUID(bytes=buffer.read(_ID_BYTES))


_TAGS = ("tags", TaggedFields)
_NAME = CompactString("utf-8")
_BROKER = (("node_id", Int32), ("host", _NAME), ("port", Int32), ("rack", _NAME), _TAGS)
_PARTITION = (
    *(("error_code", Int16), ("partition", Int32), ("leader", Int32), ("leader_epoch", Int32)),
    *((name, CompactArray(Int32)) for name in ("replicas", "in_sync", "offline")),
    _TAGS,
)
_TOPIC = (
    *(("error_code", Int16), ("name", _NAME), ("id", _Uuid), ("is_internal", Boolean)),
    ("partitions", CompactArray(*_PARTITION)),
    *(("operations", Int32), _TAGS),
)


class _Answer(Response):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_ms", Int32),
        ("brokers", CompactArray(*_BROKER)),
        ("cluster_id", _NAME),
        ("controller_id", Int32),
        ("topics", CompactArray(*_TOPIC)),
        ("operations", Int32),
        _TAGS,
    )


class _Question(RequestStruct):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = 3
    API_VERSION = 10
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        ("topics", CompactArray(("id", _Uuid), ("name", _NAME), _TAGS)),
        ("may_make_topics", Boolean),
        ("with_cluster_operations", Boolean),
        ("with_topic_operations", Boolean),
        _TAGS,
    )


class _Metadata(Request[_Question]):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = 3

    def __init__(self, topics: Iterable[str]) -> None:
        self._topics: list[tuple[uuid.UUID, str, dict[int, bytes]]] = [(uuid.UUID(int=0), name, {}) for name in topics]

    def build(self, request_struct_class: type[_Question]) -> _Question:
        return request_struct_class(self._topics, False, False, False, {})  # noqa: FBT003 - in the order of the schema


async def topic_ids(bootstrap: str, topics: Iterable[str]) -> dict[str, str]:
    """Return the ids of those topics that are there; of none where Kafka is older than 2.8 and knows no ids."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        answer: Any = await admin._send_request(_Metadata(topics))  # noqa: SLF001 - its own requests go the same way
    except (IncompatibleBrokerVersion, NotImplementedError):
        return {}
    finally:
        await admin.close()
    return {name: str(found) for error, name, found, *_ in answer.topics if error == 0}
