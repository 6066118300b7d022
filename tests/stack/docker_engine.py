"""Whether containers can be used here."""

from __future__ import annotations

import os
import socket
from functools import cache

import docker
from docker.errors import DockerException

_USUAL_SOCKET = "/var/run/docker.sock"


@cache
def docker_answers() -> bool:
    """Tell whether a Docker engine runs here, at DOCKER_HOST or the usual socket."""
    if "DOCKER_HOST" not in os.environ and not _usual_socket_answers():
        return False
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


def _usual_socket_answers() -> bool:
    # Asked here first because docker.from_env leaves a socket open when nobody answers.
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(_USUAL_SOCKET) == 0
