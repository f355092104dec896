"""A model's life from the first row to the roll-back, as told on the log."""

HARMFUL = {"policy": {"preset": "default", "triggers": {"harmful_drift": True, "payoff": None}}}
BAD, GOOD = [1.0] * 60, [0.0] * 60


def drifted(story, **changes):
    told = story(**{**HARMFUL, **changes}).first_version()
    told.status(100, 0.1)
    told.scores({})
    told.signal(onset=520)
    told.status(100, 0.6)
    return told


def test_the_first_version_is_promoted_at_once(story):
    told = story().first_version()
    assert told.champion == "1.0.0"
    assert [event.event for event in told.events] == ["registered", "promoted"]
    assert told.actions == ["retrain", "promote"]


def test_a_harmful_drift_gives_one_run_and_its_proof_a_new_champion(story):
    told = drifted(story)
    assert told.actions[-1] == "retrain"
    assert told.requests[-1].version == "1.0.1"
    told.status(100, 0.6)
    assert told.actions.count("retrain") == 2
    told.result(BAD, GOOD)
    assert told.champion == "1.0.1"
    assert [event.event for event in told.events][-3:] == ["registered", "challenged", "promoted"]


def test_a_version_names_the_chain_that_led_to_it(story):
    told = drifted(story)
    told.result(BAD, GOOD)
    promoted, request, decision = told.events[-1], told.requests[-1], told.decisions[2]
    signal = decision.caused_by[0]
    assert signal == told.decisions[2].caused_by[0]
    for cause in (signal, decision.message_id, request.message_id):
        assert cause in promoted.caused_by
    assert promoted.caused_by.index(signal) < promoted.caused_by.index(request.message_id)


def test_a_challenger_that_proves_nothing_waits_for_scores_and_wins_by_them(story):
    told = drifted(story)
    told.result([1.0, 0.0] * 5, [0.0, 0.0] * 5)
    assert told.champion == "1.0.0"
    told.status(100, 0.6)
    told.scores({"1.0.0": BAD, "1.0.1": GOOD})
    assert told.champion == "1.0.1"


def test_frames_wait_for_the_scores_of_a_challenger(story):
    told = drifted(story)
    told.result([0.0], [0.0])
    applied = told.state.applied
    told.status(100, 0.6)
    assert told.state.applied == applied
    told.scores({"1.0.0": [], "1.0.1": []})
    assert told.state.applied == told.here


def test_a_challenger_that_was_worse_on_held_out_rows_is_rejected_where_it_was_not_refitted(story):
    told = drifted(story, training={"refit": False})
    told.result(GOOD, BAD)
    assert told.champion == "1.0.0"
    assert told.events[-1].event == "rejected"


def test_a_refitted_challenger_is_rejected_by_the_rows_that_it_was_scored_on_itself(story):
    told = drifted(story)
    told.result(GOOD, BAD)
    assert told.events[-1].event == "challenged"
    told.status(60, 0.6)
    told.scores({"1.0.0": GOOD, "1.0.1": BAD})
    assert told.champion == "1.0.0"
    assert told.events[-1].event == "rejected"


def test_a_refitted_challenger_recovers_from_held_out_rows_that_spoke_against_it(story):
    told = drifted(story)
    told.result(GOOD, BAD)
    told.status(60, 0.6)
    told.scores({"1.0.0": BAD, "1.0.1": GOOD})
    assert told.champion == "1.0.1"


def test_a_champion_that_proves_worse_is_rolled_back(story):
    told = drifted(story)
    told.result(BAD, GOOD)
    told.status(60, 0.6)
    told.scores({"1.0.0": GOOD, "1.0.1": BAD})
    assert told.champion == "1.0.0"
    assert told.actions[-1] == "roll_back"
    assert [event.event for event in told.events][-2:] == ["rolled_back", "archived"]


def test_a_failed_run_is_tried_again_only_after_more_rows(story):
    told = drifted(story)
    told.result(status="failed")
    assert told.decisions[-1].trigger == "run_failed"
    told.signal()
    told.status(50, 0.6)
    assert told.actions[-1] == "wait"
    told.status(60, 0.6)
    assert told.actions[-1] == "retrain"
    assert told.requests[-1].version == "1.0.2"


def test_a_redo_gives_the_same_bytes(story):
    first, second = drifted(story), drifted(story)
    assert first.sent == second.sent


def test_a_version_has_its_seed_whatever_frames_its_rows_came_in(story):
    whole, cut = drifted(story), story(**HARMFUL).first_version()
    cut.status(50, 0.1)
    cut.status(50, 0.1)
    cut.signal(onset=520)
    cut.status(100, 0.6)
    assert cut.requests[-1].data.until != whole.requests[-1].data.until
    assert [request.seed for request in cut.requests] == [request.seed for request in whole.requests]
    assert len({request.seed for request in whole.requests}) == len(whole.requests)


def test_the_measured_cost_of_a_run_is_kept(story):
    assert story().first_version().state.payoff.run_cpu_seconds == 1.0
