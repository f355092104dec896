"""The part of a spec that lets several versions share traffic, each channel by itself."""

from pydantic import Field

from driftloop.spec.part import SpecPart


class VariantRule(SpecPart):
    """Which versions share the traffic of each channel: the champion and those that served before it.

    Which one answers a request is drawn by what their labelled outcomes in that channel say (Thompson sampling);
    servers ask `ChampionWatcher.route(model, key, channel)`. Which version is the champion of the model is decided
    as ever: by the proof.
    """

    channel: str = Field(min_length=1, max_length=120)
    """The segment (one of `segments`) whose values are the channels."""
    versions: int = Field(default=2, ge=2, le=8)
    """The champion and so many less one of those that served before it."""
    floor: float = Field(default=0.05, ge=0, lt=1)
    """The share of requests that is shared out evenly whatever the outcomes say."""
    memory_rows: float = Field(default=200.0, ge=10)
    """How many of its newest outcomes in a channel a version is judged by."""
