"""Faults of workers: killed, put to sleep, told to leave, coming and going, upgraded, given other rules."""

from __future__ import annotations

import asyncio
import random

from faults.actions.site import Site, done
from faults.crew import Member
from faults.facts import Fault
from faults.schedule import Step
from pipeline.faust_ext.clock import wall_ms

_READY_SECONDS = 3.0
_GUEST = 9


async def kill(site: Site, step: Step) -> Fault:
    """Kill -9, and start it again as a supervisor does."""
    member = site.crew.members[step.target]
    async with member.hands:
        began_ms = wall_ms()
        await member.kill()
        await asyncio.sleep(step.seconds - 1.5)
        started_ms = member.start()
    return done(step, began_ms, started_ms=started_ms, roles=(member.role,))


async def zombie(site: Site, step: Step) -> Fault:
    """Stop it for longer than its session (10 s), so that others take over, then let it go on as if nothing was."""
    member = site.crew.members[step.target]
    began_ms = wall_ms()
    async with member.hands:
        if not member.running:
            member.start()
        member.freeze()
        try:
            await asyncio.sleep(step.seconds)
        finally:
            member.thaw()
    return done(step, began_ms, roles=(member.role,))


async def stop(site: Site, step: Step) -> Fault:
    """SIGTERM, and start it again a little later."""
    member = site.crew.members[step.target]
    began_ms = wall_ms()
    async with member.hands:
        await _leave(site, member)
        await asyncio.sleep(1)
        started_ms = member.start()
    return done(step, began_ms, started_ms=started_ms, roles=(member.role,))


async def come_and_go(site: Site, step: Step) -> Fault:
    """One more worker that joins and leaves every few seconds, now in order, now by kill -9."""
    role, rng, began_ms = step.target.rpartition("-")[0], random.Random(step.number), wall_ms()
    site.guests += 1
    guest = site.crew.member(role, _GUEST * 10 + site.guests)
    joined, deadline = 0, asyncio.get_running_loop().time() + step.seconds
    try:
        while asyncio.get_running_loop().time() < deadline:
            guest.start()
            joined += 1
            await asyncio.sleep(rng.uniform(4, 7))
            if rng.random() < 0.5:
                await _leave(site, guest)
            else:
                await guest.kill()
    finally:
        await guest.kill()
    return done(step, began_ms, roles=(role,), detail=f"{guest.name} joined {joined} times")


async def upgrade(site: Site, step: Step) -> Fault:
    """Every worker in turn leaves and comes back, as when a release is rolled out."""
    return await _roll(site, step, list(site.crew.members.values()))


async def rules_change(site: Site, step: Step) -> Fault:
    """Another rules file, and every evaluator in turn leaves and comes back with it."""
    site.crew.rules = site.next_rules()
    fault = await _roll(site, step, site.crew.of_role("evaluator"))
    return Fault(
        fault.name, fault.target, fault.began_ms, fault.ended_ms, fault.started_ms, fault.roles, site.crew.rules.name
    )


async def _roll(site: Site, step: Step, members: list[Member]) -> Fault:
    began_ms = started_ms = wall_ms()
    for member in members:
        async with member.hands:
            await _leave(site, member)
            started_ms = member.start()
        await asyncio.sleep(_READY_SECONDS)
    roles = tuple(dict.fromkeys(member.role for member in members))
    return done(step, began_ms, started_ms=started_ms, roles=roles)


async def _leave(site: Site, member: Member) -> None:
    """Tell a worker to leave; one that does not in time is noted."""
    if not await member.stop():
        site.crew.left(member, -9)
