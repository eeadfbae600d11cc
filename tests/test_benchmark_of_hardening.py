"""What the benchmark of hardening makes of the documents of its runs."""

from __future__ import annotations

from benchmarks.hardening import dominates, figures_of, markdown, summarise


def document(method, accuracy, robust, *, name="credit", seconds=(2.0, 8.0)):
    def side(place):
        rates = {
            key: {"value": robust[place]}
            for key in ("accuracy", "individual_fairness", "accurate_fairness")
        }
        value = {"value": accuracy[place]}
        return {"test": {"accuracy": value, "balanced_accuracy": value}, "robust": {"0.05": rates}}

    spent = dict(zip(("ordinary", "hardened"), seconds, strict=True))
    return {
        "epsilon": 0.05,
        "seeds": [0, 1],
        "dataset": {"name": name},
        "method": {"name": method},
        "before": side(0),
        "after": side(1),
        "each": [{"seconds": spent}] * 2,
        "checks": {"majority": {"share": 0.7, "explains": name == "bank"}},
        "warnings": [],
    }


def summary(ours, theirs, name="credit"):
    documents = [
        document("counterpart-adversarial", *ours, name=name),
        document("pgd-at", *theirs, name=name),
    ]
    return summarise([figures_of(each) for each in documents])


def test_means_ratios_and_fronts():
    found = summary(([0.74, 0.73], [0.3, 0.7]), ([0.74, 0.735], [0.3, 0.6]))
    assert found["means"]["counterpart-adversarial"]["gain"] == 0.7 - 0.3
    assert round(found["means"]["counterpart-adversarial"]["cost"], 6) == 0.01
    assert found["means"]["pgd-at"]["training_ratio"] == 4
    assert [one["on_front"] for one in found["each"]] == [True, True]
    assert all(claim["holds"] for claim in found["claims"])


def test_what_does_not_hold_is_said():
    found = summary(([0.74, 0.70], [0.3, 0.5]), ([0.74, 0.71], [0.3, 0.6]), name="bank")
    assert [one["on_front"] for one in found["each"]] == [False, True]
    assert [claim["holds"] for claim in found["claims"]] == [False, False, False]
    page = markdown(found)
    assert "does not hold: bank: counterpart-adversarial lies on the front" in page
    assert "bank, pgd-at: the largest class (0.700) explains" in page
    assert dominates(found["each"][1], found["each"][0])


def test_a_method_without_training_has_no_ratio():
    wrapped = figures_of(document("consensus", [0.7, 0.7], [0.3, 0.4], seconds=(2.0, None)))
    assert wrapped["training_ratio"] is None
    assert summarise([wrapped])["claims"] == []
