"""A fit of torch between two epochs, as bytes: everything that the next epoch depends on, to the last bit."""

from io import BytesIO

import torch
from torch import nn

State = dict[str, torch.Tensor]


def kept_state(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    order: torch.Generator,
    *,
    best: State,
    least: float,
    waited: int,
    done: int,
) -> bytes:
    """Weights, optimizer, random states (of the order of rows, and of dropout), and the best epoch so far."""
    stream = BytesIO()
    kept = {
        "network": network.state_dict(), "optimizer": optimizer.state_dict(), "order": order.get_state(),
        "random": torch.get_rng_state(), "best": best, "least": least, "waited": waited, "done": done,
    }  # fmt: skip
    if torch.cuda.is_available():
        kept["random_cuda"] = torch.cuda.get_rng_state()
    torch.save(kept, stream)
    return stream.getvalue()


def restored(
    kept: bytes, network: nn.Module, optimizer: torch.optim.Optimizer, order: torch.Generator
) -> tuple[State, float, int, int]:
    """Put everything back; the best weights, their loss, epochs since, and epochs done.

    Read with `weights_only`: tensors and numbers, nothing that could be run.
    """
    found = torch.load(BytesIO(kept), weights_only=True)
    network.load_state_dict(found["network"])
    optimizer.load_state_dict(found["optimizer"])
    order.set_state(found["order"].cpu())
    torch.set_rng_state(found["random"].cpu())
    if "random_cuda" in found and torch.cuda.is_available():
        torch.cuda.set_rng_state(found["random_cuda"].cpu())
    return found["best"], found["least"], found["waited"], found["done"]
