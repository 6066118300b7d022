"""Whether containers can be used here."""

from __future__ import annotations

from functools import cache

import docker
from docker.errors import DockerException


@cache
def docker_answers() -> bool:
    """Tell whether a Docker engine runs here."""
    try:
        client = docker.from_env()
    except DockerException:
        return False
    try:
        return bool(client.ping())
    except DockerException:
        return False
    finally:
        client.close()
