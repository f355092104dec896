"""Which rows a run learns from."""

MONTH = {"policy": {"preset": "default", "triggers": {"payoff": None}, "window": {"seconds": 30 * 86_400.0}}}


def test_a_span_of_time_becomes_a_number_of_rows(story):
    told = story(**MONTH)
    for _ in range(60):
        told.status(100, hours=24.0)
    told.command("retrain")
    assert 3000 <= told.requests[-1].data.rows <= 3100
    assert len(told.state.marks) <= 203


def test_a_span_that_holds_all_rows_takes_all(story):
    told = story(**MONTH)
    for _ in range(10):
        told.status(100, hours=24.0)
    told.command("retrain")
    assert told.requests[-1].data.rows == 1000


def test_a_span_never_asks_for_less_than_a_model_needs(story):
    told = story(**{**MONTH, "training": {"minimum_rows": 80}})
    told.status(500)
    told.status(10, hours=24.0 * 60)
    told.command("retrain")
    assert told.requests[-1].data.rows == 80


def test_rows_of_a_window_are_bounded_by_the_spec(story):
    told = story(policy="agent-outcomes", training={"maximum_rows": 5000})
    told.status(9000)
    told.command("retrain")
    assert told.requests[-1].data.rows == 100
    other = story(training={"maximum_rows": 5000})
    other.status(9000)
    other.command("retrain")
    assert other.requests[-1].data.rows == 5000
