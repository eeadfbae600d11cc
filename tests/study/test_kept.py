"""What a reproduction keeps in files of its own is read as types, or not believed."""

import json
from dataclasses import asdict, dataclass
from types import SimpleNamespace

import pytest

from rafair.engine.run_settings import RunSettings
from rafair.errors import RunFolderError
from rafair.results.record_reader import Reader
from rafair.study.config import StudyConfig
from rafair.study.figure_cache import remembered
from rafair.study.paper_reproduction import reproduce

QUICK = StudyConfig(datasets=("affairs",), steps=2)
RECORDED = {
    "datasets": ["affairs", "credit"],
    "variant": "paper",
    "models": 3,
    "instances": None,
    "steps": 20,
    "step_size": 0.01,
    "epochs": 50,
    "train_loss": "cross-entropy",
    "seed": 7,
    "figure_instances": 100,
    "figure_steps": 50,
}


def refusal(folder, document):
    (folder / "study.json").write_text(json.dumps(document))
    with pytest.raises(RunFolderError) as refused:
        reproduce("table4", QUICK, RunSettings(out=folder))
    return str(refused.value)


def test_options_that_add_runs_may_differ_and_no_others(tmp_path):
    """Of an older version, whose files had no digest."""
    found = refusal(tmp_path, {"config": RECORDED})
    assert "holds a reproduction with steps 20, not 2: choose another folder" in found
    found = refusal(tmp_path, {"config": RECORDED | {"instances": 200}})
    assert "holds a reproduction with steps 20, not 2: choose another folder" in found


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"config": []},
        {"config": RECORDED | {"steps": "many"}},
        {"config": RECORDED | {"datasets": ["affiars"]}},
        {"config": asdict(QUICK), "digest": "0" * 64},
    ],
)
def test_what_no_reproduction_writes_cannot_be_read(document, tmp_path):
    assert "its study.json cannot be read" in refusal(tmp_path, document)


@dataclass(frozen=True)
class Slopes:
    slope: list[float]


def kept(folder, sha256, slopes):
    """What is told, and whether it had to be derived."""
    derived = []
    one = SimpleNamespace(
        trial=SimpleNamespace(dataset="affairs", seed=0),
        audit=SimpleNamespace(record=SimpleNamespace(files={"adversarial.parquet": sha256})),
    )

    def derive(_):
        derived.append(True)
        return Slopes(slopes)

    return remembered(folder, "slopes", one, derive, Reader(Slopes)), bool(derived)


def test_a_figure_is_derived_once_for_the_same_files(tmp_path):
    assert kept(tmp_path, "a", [0.5]) == (Slopes([0.5]), True)
    assert kept(tmp_path, "a", [1.5]) == (Slopes([0.5]), False)
    assert kept(tmp_path, "b", [1.5]) == (Slopes([1.5]), True)


@pytest.mark.parametrize("value", [{"slope": ["steep"]}, {}, None, 3])
def test_a_figure_of_another_kind_is_derived_anew(value, tmp_path):
    kept(tmp_path, "a", [0.5])
    path = tmp_path / "derived" / "affairs-0-slopes.json"
    document = json.loads(path.read_text())
    del document["digest"]
    path.write_text(json.dumps(document | {"value": value}))
    assert kept(tmp_path, "a", [1.5]) == (Slopes([1.5]), True)
