"""What every handler works with: the view, the log, the moment, and the request as it was understood."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from driftloop.artifacts.storage import Storage
from driftloop.clock import Clock
from driftloop.contracts.model_commands import ModelCommand
from operations_console.adapters.ports import LogPort
from operations_console.adapters.web.hub import Hub
from operations_console.core.access import Principal, Role
from operations_console.core.problems import ProblemError, not_found
from operations_console.core.telling import Glances
from operations_console.core.view.fleet import FleetView
from operations_console.core.view.model_view import ModelView


@dataclass(slots=True)
class Desk:
    """The console's parts. `whole` becomes true once the view holds what the log held at the start."""

    view: FleetView
    hub: Hub
    port: LogPort
    clock: Clock
    sign: Callable[[ModelCommand], ModelCommand] = lambda command: command
    """Puts the console's signature to a command, where it has a key."""
    storage: Callable[[], Storage | str] | None = None
    """How much room artifacts take, or why that is not known; None where the console is not told where they lie."""
    whole: bool = False
    live: bool = False
    """Whether the tail of the log is being followed."""
    glances: Glances = field(default_factory=Glances)
    applying: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a spec is declared: two at once would both be the next version."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request that has passed the door: who asks, from where, and for what."""

    principal: Principal
    remote: str
    means: str
    path: Mapping[str, str] = field(default_factory=dict)
    query: Any = None
    body: Any = None
    key: str | None = None
    """The idempotency key, where one was sent."""

    def require(self, role: Role, model_id: str | None = None) -> None:
        """Raises 403 where the caller may not."""
        if not self.principal.may(role, model_id):
            where = f" on {model_id}" if model_id else ""
            raise ProblemError(
                403, "Not allowed", f"{self.principal.name} has not got the role {role}{where}; ask for another token."
            )

    def require_all_models(self) -> None:
        """Raises 403 where the caller sees only some models: dead letters belong to none."""
        if "*" not in self.principal.models:
            raise ProblemError(
                403, "Not allowed", f"{self.principal.name} sees some models only; dead letters may be anybody's."
            )


def model_of(desk: Desk, call: Call, name: str | None = None) -> ModelView:
    """The model that the path names; raises 404 where it is not known or not to be seen."""
    model_id = name or call.path["model_id"]
    known = desk.view.models.get(model_id)
    if known is None or not call.principal.sees(model_id):
        raise not_found(f"There is no model {model_id}; GET /api/fleet lists those that there are.")
    return known


def visible(desk: Desk, call: Call) -> list[ModelView]:
    """The models that the caller may see."""
    return [model for model in desk.view.models.values() if call.principal.sees(model.model_id)]
