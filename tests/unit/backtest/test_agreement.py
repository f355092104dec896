"""A replay and a backtest of the same file: which deeds both did, and when."""

import json

import pytest

from driftloop.tools.backtest.agreement import Deed, agreement, deeds_of_replay

REPLAYED = {
    "rows": 3000,
    "streamed": 2000,
    "decisions": [
        {"row": 1000, "action": "retrain"},
        {"row": 1500, "action": "retrain"},
        {"row": 1600, "action": "promote"},
        {"row": 2000, "action": "reuse"},
        {"row": 2500, "action": "roll_back"},
    ],
}


def test_what_a_replay_did_leaves_promotions_and_the_first_training_out():
    assert deeds_of_replay(REPLAYED) == [Deed(1500, "train"), Deed(2000, "reuse"), Deed(2500, "reuse")]


def test_the_same_deeds_agree_wholly():
    deeds = deeds_of_replay(REPLAYED)
    assert agreement(deeds, deeds, within=100).share == 1.0


def test_a_deed_a_block_later_is_moved_and_another_kind_of_deed_is_not_the_same():
    found = agreement(deeds_of_replay(REPLAYED), [Deed(1550, "train"), Deed(2000, "train")], within=50)
    assert found.moved == ((Deed(1500, "train"), Deed(1550, "train")),)
    assert found.only_replay == (Deed(2000, "reuse"), Deed(2500, "reuse"))
    assert found.only_backtest == (Deed(2000, "train"),)
    assert found.share == 0.0


def test_its_figures_go_through_json():
    said = json.loads(json.dumps(agreement([Deed(1, "train")], [], within=5).as_json()))
    assert said["share_at_the_same_row"] == pytest.approx(0.0)
