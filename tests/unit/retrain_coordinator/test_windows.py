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


ALARMS = {"policy": {"preset": "default", "triggers": {"harmful_drift": True, "payoff": None}}}


def drifted(story, *, onset, rows=2000, **spec):
    """The request of a run that a drift signal asks for, whose onset is at a labelled row."""
    told = story(**{**ALARMS, **spec}).first_version()
    told.status(rows - told.state.labelled_rows)
    told.scores({})
    told.signal(onset=onset)
    told.status(10, 0.6)
    return told.requests[-1].data


def test_a_drift_has_its_rows_learnt_first_and_older_ones_mixed_in(story):
    rule = drifted(story, onset=1600)
    assert rule.fresh_rows == rule.replay_rows
    assert 400 <= rule.fresh_rows <= 420


def test_the_share_of_older_rows_is_the_policys(story):
    window = {"replay_share": 0.2}
    rule = drifted(story, onset=1600, policy={**ALARMS["policy"], "window": window})
    assert rule.replay_rows == round(rule.fresh_rows / 4)


def test_few_rows_since_the_onset_are_filled_up_to_what_a_run_needs(story):
    rule = drifted(story, onset=1990, training={"minimum_rows": 300})
    assert rule.fresh_rows + rule.replay_rows == 300


def test_without_onset_the_whole_window_is_learnt(story):
    rule = drifted(story, onset=1600, policy={**ALARMS["policy"], "window": {"onset": False}})
    assert (rule.fresh_rows, rule.replay_rows) == (None, 0)
