import json

from driftloop.tools.cli.figures import finish, say


def test_figures_go_into_a_folder_that_is_made_and_progress_beside_the_words(tmp_path, capsys):
    file = tmp_path / "not" / "there" / "figures.json"
    say("half way")
    finish({"rows": 3}, file, "3 rows")
    assert json.loads(file.read_text()) == {"rows": 3}
    said = capsys.readouterr()
    assert (said.out, said.err) == ("3 rows\n", "… half way\n")
