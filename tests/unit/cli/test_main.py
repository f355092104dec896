import pytest
from typer.testing import CliRunner

from driftloop.errors import UserError
from driftloop.tools.cli import main


@pytest.mark.parametrize("name", [*main.COMMANDS, *main.GROUPS])
def test_every_command_says_what_it_is_for(name):
    said = CliRunner().invoke(main.app, [name, "--help"])
    assert said.exit_code == 0
    assert "Usage:" in said.output


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (UserError("The port is in use.", 3), 3, "driftloop: The port is in use."),
        (KeyboardInterrupt(), 130, "driftloop: stopped."),
        (BrokenPipeError(), 0, ""),
    ],
)
def test_an_error_is_one_sentence_and_a_code(monkeypatch, capsys, error, code, words):
    def raise_it():
        raise error

    monkeypatch.setattr(main, "command_line", lambda _: raise_it)
    monkeypatch.setattr(main.signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as end:
        main.main()
    assert end.value.code == code
    assert capsys.readouterr().err.strip() == words
