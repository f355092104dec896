import numpy as np

from driftloop.tools.simulation.demo import demo_plant, demo_recording
from driftloop.tools.simulation.plant import Plant, plant_spec


def test_rows_are_the_same_however_they_are_taken():
    plant = Plant(200, fouling_starts=50, fouling_full=100, lot_change=150)
    whole = plant.take(0, 200)
    parts = list(plant.blocks(0, 70))
    for name, column in {**whole.features, **whole.labels}.items():
        joined = np.concatenate([{**part.features, **part.labels}[name] for part in parts])
        np.testing.assert_array_equal(joined, column)


def test_the_settings_do_not_drift_and_the_granules_do():
    healthy, drifting = Plant(3000), Plant(3000, fouling_starts=1000, fouling_full=2000, lot_change=2500)
    for name, column in healthy.take(0, 3000).features.items():
        np.testing.assert_array_equal(drifting.take(0, 3000).features[name], column)
    gap = healthy.take(0, 3000).labels["d50"] - drifting.take(0, 3000).labels["d50"]
    assert np.abs(gap[:1000]).max() == 0
    slow = np.diff(gap[1000:2000:100])
    assert (slow > 0).all()
    assert slow.max() < 12
    assert abs(gap[2500:].mean() - gap[2400:2500].mean()) > 24


def test_the_spec_has_five_inputs_two_of_them_derived_and_two_scaled_targets():
    spec = plant_spec()
    assert len(spec.features) == 5
    assert len(spec.raw_features) == 3
    assert set(spec.target) == {"d50", "lod"}
    assert all(field.scale != 1.0 for field in spec.target.values())


def test_the_recording_sends_what_the_spec_asks_for():
    recording = demo_recording(demo_plant())
    assert tuple(recording.features) == recording.spec.raw_features
    assert tuple(recording.labels) == tuple(recording.spec.target)
