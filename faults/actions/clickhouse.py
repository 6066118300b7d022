"""Faults of ClickHouse: killed, out of disk; refusing, slow, and saying 500 after it has written."""

from __future__ import annotations

import asyncio

from faults.actions.site import Site, done
from faults.disk import MemoryDisk
from faults.facts import Fault
from faults.proxies.http import HttpMode
from faults.schedule import Step
from pipeline.faust_ext.clock import wall_ms

_ROLES = ("lander",)
_DRAIN_SECONDS = 3.0


async def kill_clickhouse(site: Site, step: Step) -> Fault:
    """Kill -9, and start it again on its data."""
    clickhouse, began_ms = site.servers.clickhouse, wall_ms()
    async with clickhouse.down():
        await clickhouse.kill()
        await asyncio.sleep(step.seconds - 2)
        started_ms = wall_ms()
        await clickhouse.start()
    return done(step, began_ms, started_ms=started_ms, roles=_ROLES)


async def clickhouse_refuses(site: Site, step: Step) -> Fault:
    """Connections are ended as soon as they are made."""
    return await _in_mode(site, step, HttpMode.REFUSE)


async def clickhouse_slow(site: Site, step: Step) -> Fault:
    """Every request waits for three seconds."""
    return await _in_mode(site, step, HttpMode.SLOW)


async def clickhouse_lies(site: Site, step: Step) -> Fault:
    """What was written is answered with 500."""
    return await _in_mode(site, step, HttpMode.ERROR_AFTER)


async def clickhouse_disk_full(site: Site, step: Step) -> Fault:
    """Nothing can be written for a while.

    Inserts under way end first, for chDB 4.4 acknowledges one that a full disk has cut off in the middle: the disk
    then lies. It does so to a limit on file sizes too, so that without a disk of its own nothing is done.
    """
    clickhouse, began_ms = site.servers.clickhouse, wall_ms()
    if not isinstance(clickhouse.disk, MemoryDisk):
        return done(step, began_ms, roles=(), detail="left out: only root can mount a disk to be filled")
    async with clickhouse.down():
        await site.servers.proxies.clickhouse(HttpMode.REFUSE)
        await asyncio.sleep(_DRAIN_SECONDS)
        clickhouse.disk.fill(clickhouse.pid)
        await site.servers.proxies.clickhouse(HttpMode.PASS)
        try:
            await asyncio.sleep(step.seconds)
        finally:
            clickhouse.disk.free(clickhouse.pid if clickhouse.running else None)
        how = "lived on"
        if not clickhouse.running:
            how = "ended by itself"
            await clickhouse.kill()
            await clickhouse.start()
    return done(step, began_ms, roles=_ROLES, detail=f"{clickhouse.disk.name}; ClickHouse {how}")


async def _in_mode(site: Site, step: Step, mode: HttpMode) -> Fault:
    began_ms = wall_ms()
    await site.servers.proxies.clickhouse(mode)
    try:
        await asyncio.sleep(step.seconds)
    finally:
        await site.servers.proxies.clickhouse(HttpMode.PASS)
    return done(step, began_ms, roles=_ROLES)
