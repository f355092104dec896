"""A view whose tables are another release's is made anew."""

from sqlalchemy import text

from driftloop.tools.registry.view import RegistryView
from driftloop.tools.registry.view_schema import fingerprint, fit_schema


def test_tables_of_this_release_stay(tmp_path):
    view = RegistryView(f"sqlite:///{tmp_path}/registry.db")
    assert fit_schema(view.engine) is False
    view.close()


def test_tables_of_another_release_are_made_anew_and_foreign_ones_left_alone(tmp_path):
    url = f"sqlite:///{tmp_path}/registry.db"
    old = RegistryView(url)
    with old.engine.begin() as connection:
        connection.execute(text("DROP TABLE versions"))
        connection.execute(text("CREATE TABLE versions (model_id TEXT)"))
        connection.execute(text("INSERT INTO versions VALUES ('left over')"))
        connection.execute(text("CREATE TABLE somebody_elses (x INTEGER)"))
        connection.execute(text("UPDATE view_schema SET fingerprint = 'of another release'"))
    old.close()
    view = RegistryView(url)
    assert view.versions("m") == []
    with view.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM somebody_elses")).scalar() == 0
        assert connection.execute(text("SELECT fingerprint FROM view_schema")).scalar() == fingerprint()
    view.close()


def test_a_view_from_before_there_were_fingerprints_is_made_anew(tmp_path):
    url = f"sqlite:///{tmp_path}/registry.db"
    old = RegistryView(url)
    with old.engine.begin() as connection:
        connection.execute(text("DROP TABLE view_schema"))
    assert fit_schema(old.engine) is True
    old.close()
