"""`driftloop schemas`: the wire, as files.

Run from a checkout: `write` brings `schemas/` up to date with the contracts, `check` says what
does not agree.
"""

from pathlib import Path
from typing import Annotated

import typer

from driftloop.errors import ExitCode, UserError

app = typer.Typer(help="Schemas of the messages on the log.", no_args_is_help=True)


@app.command()
def write(
    unreleased: Annotated[
        bool,
        typer.Option("--unreleased", help="Rewrite a version even where that breaks it: it has no users yet."),
    ] = False,
) -> None:
    """Write JSON Schema and Avro of every contract."""
    from driftloop.contracts.topics import schemas_root, topics
    from driftloop.tools.schemas.golden import write_golden
    from driftloop.tools.schemas.schema_files import generated, read_schema, render

    root, declared = schemas_root(), topics()
    if not unreleased:
        _refuse_breaking_changes(root)
    changed = [(name, schema) for name, schema in generated(declared) if read_schema(root / name) != schema]
    for name, schema in changed:
        (root / name).write_text(render(schema), encoding="utf-8")
        typer.echo(f"wrote {name}")
    for path in write_golden(root, declared, anew=unreleased):
        typer.echo(f"wrote {path.relative_to(root)}")
    typer.echo(f"{len(changed)} schema files written, the others were up to date")


@app.command()
def check() -> None:
    """Check that contracts, schemas, examples, versions and topic files agree."""
    from driftloop.contracts.topics import schemas_root, topics

    try:
        from driftloop.tools.schemas.golden import golden_problems
        from driftloop.tools.schemas.schema_check import problems
    except ImportError as error:
        raise UserError(f"`driftloop schemas check` needs driftloop[dev]: {error.name} is missing") from error
    declared = topics()
    found = [*problems(schemas_root(), declared), *golden_problems(schemas_root(), declared)]
    for sentence in found:
        typer.echo(sentence, err=True)
    if found:
        raise UserError(f"{len(found)} things about the schemas do not agree", ExitCode.ERROR)
    typer.echo(f"{len(declared)} topics: schemas, examples, versions and contracts agree")


def _refuse_breaking_changes(root: Path) -> None:
    from driftloop.contracts.topics import topics
    from driftloop.tools.schemas.schema_check import breaking_changes

    broken = breaking_changes(root, topics())
    for sentence in broken:
        typer.echo(sentence, err=True)
    if broken:
        raise UserError(
            "nothing written: the contracts refuse what a committed version accepts; "
            "raise schema_version in the topic file, or pass --unreleased",
            ExitCode.USAGE,
        )
