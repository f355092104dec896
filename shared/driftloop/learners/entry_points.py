"""Finds learners by name. A user's own learner is an entry point of its own distribution:

[project.entry-points."driftloop.learners"]
my-learner = "my_package.my_module:make"
"""

from collections.abc import Mapping
from typing import Any, cast

from driftloop.learners.protocol import Learner, LearnerFactory
from driftloop.plugins import NotInstalledError, installed, load
from driftloop.spec.model_spec import ModelSpec

GROUP = "driftloop.learners"


class BrokenLearnerError(ValueError):
    """A learner that is installed, and cannot be made: its own code raised something other than a refusal."""


def learner_names() -> tuple[str, ...]:
    """Names of every learner that is installed, in alphabetical order.

    >>> "random-forest" in learner_names()
    True
    """
    return installed(GROUP)


def make_learner(spec: ModelSpec, name: str | None = None, parameters: Mapping[str, Any] | None = None) -> Learner:
    """A learner for `spec`: the one that the spec chooses, or the named one.

    Parameters are the spec's where no name is given. Raises ValueError, with a sentence that
    names what is known, for a learner that is not installed or a parameter it does not have, and
    BrokenLearnerError where its maker raised what none should.
    """
    chosen = spec.learner.name if name is None else name
    if parameters is None:
        parameters = spec.learner.parameters if name in (None, spec.learner.name) else {}
    learner = _made(chosen, spec, parameters)
    if spec.forecast is not None and not getattr(learner, "forecasts", False):
        raise ValueError(f"learner {chosen} learns no series: choose tft, or one of your own")
    return learner


def weighs_rows(learner: Learner) -> bool:
    """Whether a learner says that it counts each row by its weight."""
    return bool(getattr(learner, "weighs_rows", False))


def refuse_unweighed(spec: ModelSpec, learner: Learner, name: str | None = None) -> None:
    """Raises ValueError, with a sentence, where the spec weighs rows by age and the learner cannot, or need not."""
    if spec.training.recency is None:
        return
    who = f"learner {name or spec.learner.name}"
    if getattr(learner, "learns_in_order", False):
        raise ValueError(
            f"{who} takes rows one after another, the newest last, and so forgets older ones by itself: with "
            "training.recency it would learn next to nothing, leave that out"
        )
    if not weighs_rows(learner):
        raise ValueError(
            f"{who} does not say that it weighs rows (weighs_rows = True), and the spec has training.recency: choose "
            "another learner, or leave recency out and bound training.maximum_rows"
        )


def recency_problem(spec: ModelSpec) -> str | None:
    """Why rows cannot be weighed by age as the spec says, as far as can be told here: its learner may be elsewhere."""
    if spec.training.recency is None or spec.training.executor != "child":
        return None
    try:
        learner = make_learner(spec)
    except BrokenLearnerError as error:
        return str(error)
    except ValueError:
        return None  # not installed here, or told of by whoever trains
    try:
        refuse_unweighed(spec, learner)
    except ValueError as error:
        return str(error)
    return None


def _made(name: str, spec: ModelSpec, parameters: Mapping[str, Any]) -> Learner:
    """Others' code: whatever it raises is said in a sentence. What it cannot import is not installed here."""
    try:
        return _factory(name)(spec, parameters)
    except ValueError:
        raise
    except ImportError as error:
        raise ValueError(f"learner {name} cannot be used: {error}") from error
    except Exception as error:
        told = f"learner {name} cannot be made: its maker raised {type(error).__name__}: {error}"
        raise BrokenLearnerError(told) from error


def _factory(name: str) -> LearnerFactory:
    try:
        return cast("LearnerFactory", load(GROUP, name))
    except NotInstalledError as error:
        known = ", ".join(learner_names()) or "none"
        raise ValueError(f"no learner is called {name!r}; installed are: {known}") from error
    except ImportError as error:
        raise ValueError(f"learner {name} cannot be used: {error}; install the extra driftloop[trainer]") from error
    except Exception as error:
        told = f"learner {name} cannot be used: to import it raised {type(error).__name__}: {error}"
        raise BrokenLearnerError(told) from error
