"""Probes on a schedule: at most one command for a model and slot, over restarts and replicas."""

from datetime import timedelta

import structlog

from driftloop.contracts import topics
from driftloop.processor import Outgoing
from operations_console.adapters.ports import AwayError
from operations_console.adapters.web.desk import Desk
from operations_console.core.probes import REQUESTED_BY, probes
from operations_console.core.schedule import last_slot

MADE_UP_FOR = timedelta(days=1)
"""A slot that was missed for longer is left to the next one."""
log = structlog.get_logger()


async def probe(desk: Desk, cron: str) -> None:
    """Ask for what is overdue at the newest slot. While the broker is away nothing is asked: the next slot comes."""
    now = desk.clock()
    slot = last_slot(cron, now)
    if slot is None or now - slot > MADE_UP_FOR:
        return
    found = list(probes(desk.view.models.values(), slot))
    try:
        await desk.port.publish([_outgoing(one.model_id, desk.sign(one.command(now)).to_json()) for one in found])
    except AwayError as error:
        log.warning("a probe was not sent", why=str(error), slot=slot.isoformat())
        return
    for one in found:
        log.info("a run is asked for", model=one.model_id, why=one.reason, slot=slot.isoformat())


def _outgoing(model_id: str, value: bytes) -> Outgoing:
    return Outgoing(topics.MODEL_COMMANDS, model_id, value, (("driftloop.by", REQUESTED_BY.encode()),))
