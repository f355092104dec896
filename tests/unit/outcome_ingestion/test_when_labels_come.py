"""Whenever a label comes, the frames and the training table end up with what is true, once."""

import pytest

from outcome_ingestion.core.archive.rows import PlacedFrame, archive_batch

DAY = 86_400

# name → (what comes: a row, a row with its label, or a label (value, seconds it was made after the start);
#         each list is a batch), events that go out, the label in the table, what was ignored
CASES = {
    "with its row": ([[("row", 7.0, 10)]], ["outcome"], 7.0, {}),
    "before its row, in the same batch": ([[("label", 7.0, 10), ("row",)]], ["outcome"], 7.0, {}),
    "before its row, batches earlier": ([[("label", 7.0, 10)], [], [("row",)]], ["outcome"], 7.0, {}),
    "after its row, in the same batch": ([[("row",), ("label", 7.0, 10)]], ["prediction", "label"], 7.0, {}),
    "long after": ([[("row",)], [], [("label", 7.0, 6 * DAY)]], ["prediction", "label"], 7.0, {}),
    "never": ([[("row",)], []], ["prediction"], None, {}),
    "after the give-up time": (
        [[("row",)], [("label", 7.0, 8 * DAY)]],
        ["prediction"],
        None,
        {"label_too_late": 1, "prediction_gave_up": 1},
    ),
    "before its row and too late for it": (
        [[("label", 7.0, 8 * DAY)], [("row",)]],
        ["prediction"],
        None,
        {"label_too_late": 1, "prediction_gave_up": 1},
    ),
    "twice": (
        [[("row",)], [("label", 7.0, 10)], [("label", 7.0, 10)]],
        ["prediction", "label"],
        7.0,
        {"label_repeated": 1},
    ),
    "corrected": (
        [[("row",)], [("label", 7.0, 10)], [("label", 8.0, 20)]],
        ["prediction", "label", "correction"],
        8.0,
        {},
    ),
    "corrected in one batch": (
        [[("row",)], [("label", 7.0, 10), ("label", 8.0, 20)]],
        ["prediction", "label", "correction"],
        8.0,
        {},
    ),
    "corrected before its row": (
        [[("label", 7.0, 10), ("label", 8.0, 20)], [("row",)]],
        ["outcome"],
        8.0,
        {"label_superseded": 1},
    ),
    "corrected though it came with its row": (
        [[("row", 7.0, 10)], [("label", 8.0, 20)]],
        ["outcome", "correction"],
        8.0,
        {},
    ),
    "the older after the newer": (
        [[("row",)], [("label", 8.0, 20)], [("label", 7.0, 10)]],
        ["prediction", "label"],
        8.0,
        {"label_repeated": 1},
    ),
    "corrected twice": (
        [[("row", 7.0, 10)], [("label", 8.0, 20)], [("label", 9.0, 30)]],
        ["outcome", "correction", "correction"],
        9.0,
        {},
    ),
    "corrected after the give-up time": (
        [[("row", 7.0, 10)], [("label", 8.0, 9 * DAY)]],
        ["outcome", "correction"],
        8.0,
        {},
    ),
    "for a row that never comes": ([[("label", 7.0, 10)], []], [], None, {}),
}


def table_of(frames):
    """What the archive would hold: labels by id, from appends and then corrections, batch by batch."""
    labels, appended = {}, []
    for offset, frame in enumerate(frames):
        batch = archive_batch([PlacedFrame(0, offset, frame)])
        for row in batch.appends.to_pylist():
            appended.append(row["prediction_id"])
            labels[row["prediction_id"]] = dict(row["labels_number"])["d50"]
        for row in batch.corrections.to_pylist():
            assert row["prediction_id"] in labels, "a correction of a row that is not there"
            labels[row["prediction_id"]] = dict(row["labels_number"])["d50"]
    assert len(appended) == len(set(appended)), "a row stands in the table once"
    return labels


def fed(bench, make, row, moment, batches, *, restart):
    for batch in batches:
        records = []
        for kind, *label in batch:
            if kind == "label":
                records.append(make.label(1, label[0], label[1]))
                object.__setattr__(records[-1], "at_ms", records[-1].at_ms + 10 * DAY * 1000)
            else:
                given = {"label": label[0], "labelled_at": moment(label[1])} if label else {}
                records.append(make.outcome(row(1, **given)))
        bench.feed(records)
        if restart:
            bench = bench.restarted(keep=True)
    return bench


@pytest.mark.parametrize("restart", [False, True], ids=["in one life", "with a restart after every batch"])
@pytest.mark.parametrize("name", CASES)
def test_whenever_a_label_comes_it_counts_once(bench, make, row, moment, name, restart):
    batches, events, label, ignored = CASES[name]
    bench = fed(bench, make, row, moment, batches, restart=restart)
    assert [event for _, event in bench.events()] == events
    assert table_of(bench.frames).get("p1") == label
    assert bench.ignored == ignored
    assert not bench.dead
