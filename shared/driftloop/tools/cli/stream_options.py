"""Options of the commands that train on a recorded stream: declared once, so that they mean the same in each."""

from typing import Annotated

import typer

Task = Annotated[str | None, typer.Option(help="binary, multiclass or regression. Default: inferred.")]
Features = Annotated[list[str] | None, typer.Option(help="Columns to learn from, by comma. Default: inferred.")]
Learner = Annotated[str, typer.Option(help="An installed learner.")]
LabelDelay = Annotated[int, typer.Option(min=0, help="Rows until a label is known.")]
DEFAULT_LEARNER = "random-forest"

Windows = Annotated[
    list[str] | None,
    typer.Option(help="Rows to train on, by comma. Default: a quarter, half, all of the first rows."),
]
Served = Annotated[
    bool,
    typer.Option(
        "--served", help="Every preset in the services' own cores too, proof and probation included (slower)."
    ),
]
Price = Annotated[float | None, typer.Option(min=0.0, help="One more price of a training, in units of loss.")]
Interval = Annotated[
    float | None,
    typer.Option(min=0.001, help="Seconds of event time between rows. Default: the file's own time, else 60."),
]
TrainRows = Annotated[
    int | None, typer.Option(help="First rows, for the first version. Default: a fifth, 50 to 2,000.")
]
Block = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Rows predicted at a time. Default: 25 to 250, by the file's size; 1/400 of a file of 200,000 or more.",
    ),
]
BaselineRows = Annotated[
    int | None,
    typer.Option(min=100, help="First rows of a version: its reference. Default: a fifth, 200 to 5,000."),
]
"""`watch` trains nothing; its reference plays the part of the training rows."""
