"""The declared specs, and the policy of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.cores.spec_table import SpecTable
from driftloop.processor import KeptOut, Record
from driftloop.spec.compatibility import target_of
from driftloop.spec.model_spec import ModelSpec
from driftloop.spec.policy import Policy, policy_of, unusable_policy
from retrain_coordinator.core.payoff.rule import PayoffRule


@dataclass(frozen=True)
class Declared:
    """A model's newest spec with its policy."""

    spec_version: int
    spec: ModelSpec
    policy: Policy

    @cached_property
    def target(self) -> str:
        """What is declared to be predicted."""
        return target_of(self.spec)

    @property
    def scored_always(self) -> bool:
        """Whether scores are expected whenever a version serves: the policy goes by them, or others serve the model.

        Of the latter scoring tells which versions run in the shadow, and those must be taken in with their frame.
        """
        return self.goes_by_scores or self.spec.serving == "external"

    @property
    def goes_by_scores(self) -> bool:
        """Whether the policy goes by scores."""
        return self.policy.triggers.payoff is not None and self.policy.triggers.attainable


class DeclaredSpecs:
    """The newest usable spec of each model with its policy; the table's rule is that of every service."""

    def __init__(self) -> None:
        self._table = SpecTable()
        self._declared: dict[str, tuple[ModelSpecPublished, Declared]] = {}

    def take(self, records: Sequence[Record]) -> list[KeptOut]:
        """Rows of `model-specs`; gives what was kept out, or taken without some fields."""
        return self._table.take(records)

    def get(self, model_id: str) -> Declared | None:
        """What is declared for a model; None if it has no spec or the spec was withdrawn."""
        newest = self._table.newest(model_id)
        if newest is None:
            self._declared.pop(model_id, None)
            return None
        known = self._declared.get(model_id)
        if known is None or known[0] is not newest:
            known = self._declared[model_id] = newest, declared(newest)
        return known[1]


def declared(published: ModelSpecPublished) -> Declared:
    """The spec with its policy. A policy that makes no sense asks for nothing, and its name says why."""
    try:
        policy = policy_of(published.spec.policy)
        PayoffRule.model_validate(policy.triggers.payoff or {})
    except ValueError as error:
        policy = unusable_policy(error)
    return Declared(published.spec_version, published.spec, policy)
