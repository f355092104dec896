"""A fitted `tft`: its coder, its weights as arrays, and predictions by torch in double precision.

Why double precision: single precision rounds by where a row stands in its block, and what a version says of a row
must not depend on the rows beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from driftloop.learners.protocol import Predictions, Rows
from driftloop.learners.series_coder import SeriesCoder
from driftloop.learners.storage import read_model, write_model
from driftloop.plugins import require
from driftloop.spec.model_spec import ModelSpec

if TYPE_CHECKING:
    from driftloop.learners.tft_network import Tft

Arrays = Mapping[str, NDArray[np.float32]]
BLOCK_ROWS = 256
"""Rows that are predicted at once: memory does not grow with their number."""
_DIGITS = 9
"""Of a value in standard units: beyond that, double precision too may differ by the rows beside a row."""


@dataclass(frozen=True, slots=True)
class TftModel:
    """Immutable. `widen` is by how much the intervals are drawn apart from the median.

    `learnt_until` is when the last truth that it or a base of it learnt became known, in ms since 1970. None where rows
    told no times, and of models that earlier releases saved.
    """

    spec: ModelSpec
    coder: SeriesCoder
    quantiles: tuple[float, ...]
    sizes: Mapping[str, int]
    arrays: Arrays
    widen: float = 1.0
    learnt_until: int | None = None
    _networks: "dict[str, Tft]" = field(default_factory=dict, repr=False, compare=False)

    def predict(self, rows: Rows) -> Predictions:
        """Of each row horizon × quantiles values, all of the first step first."""
        name, rule = next(iter(self.spec.target)), self.spec.forecast
        assert rule is not None
        blocks = [rows.take(slice(at, at + BLOCK_ROWS)) for at in range(0, len(rows), BLOCK_ROWS)]
        said = [self._block(block) for block in blocks]
        values = np.concatenate(said) if said else np.empty((0, rule.horizon, rule.values_a_step))
        middle = values[:, :, rule.middle, None]
        values = (middle + self.widen * (values - middle)) * self.coder.target.spread + self.coder.target.mean
        return Predictions({name: values.reshape(len(values), rule.horizon * rule.values_a_step)})

    def _block(self, rows: Rows) -> NDArray[np.float64]:
        require("torch", "torch", "learner tft")
        from driftloop.learners.tft_training import standard_units

        if "double" not in self._networks:
            self._networks["double"] = self.network().double()
        return np.round(standard_units(self._networks["double"], self.coder.encode(self.spec, rows)), _DIGITS)

    def network(self) -> "Tft":
        """The network with these weights, in single precision."""
        from driftloop.learners.tft_training import network_of

        return network_of(self.coder, self.quantiles, self.sizes, self.arrays)

    def save(self, folder: Path) -> None:
        """Write `model.json` and `model.safetensors`."""
        description = {
            "coder": self.coder.model_dump(mode="json"), "quantiles": list(self.quantiles), "sizes": dict(self.sizes),
            "widen": self.widen, "learnt_until": self.learnt_until,
        }  # fmt: skip
        write_model(folder, description, self.arrays)


def load_tft(folder: Path, spec: ModelSpec) -> TftModel:
    """What `TftModel.save` wrote; raises ValueError where it is damaged, or forecasts other steps."""
    description, arrays = read_model(folder)
    try:
        coder = SeriesCoder.model_validate(description["coder"])
        quantiles = tuple(float(one) for one in description["quantiles"])
        sizes = {str(name): int(size) for name, size in description["sizes"].items()}
        until = description.get("learnt_until")
        model = TftModel(
            spec, coder, quantiles, sizes, _floats(arrays), float(description["widen"]),
            None if until is None else int(until),
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        raise ValueError(f"the model in {folder} is not of this learner: {error}") from error
    rule = spec.forecast
    if rule is None or rule.horizon != coder.horizon or rule.quantiles != quantiles:
        raise ValueError(f"the model in {folder} forecasts other steps than its spec declares")
    return model


def _floats(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
    return {name: np.asarray(array, dtype=np.float32) for name, array in arrays.items()}
