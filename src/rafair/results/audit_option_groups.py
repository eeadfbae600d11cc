"""The options of an audit that decide its figures, group by group as commands share them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import rafair.option_values as typed
from rafair.engine.option_groups import Boxed, Seeded
from rafair.options import group, option

if TYPE_CHECKING:
    from rafair.tabular.perturbation import PerFeature

DEFAULT_ATTACKS = ("rafair", "strongest")
"""The paper's attack in full, and all attacks together on what it left."""

DEFAULT_INSTANCES = 200
STEP_SIZE = 0.01
"""The paper's: 20 of them reach 0.2."""

MOST_STEPS = 10_000
MOST_CHUNK_ROWS = 1_000_000
MOST_INSTANCES = 1_000_000_000
MOST_GRADIENT_ROWS = 1_000_000_000_000
LARGEST_K = 1e6
MOST_CATEGORY_CHANGES = 1_000


@group
class Computed:
    """What every search and every certificate is asked."""

    perturbation: str | None = option(
        None,
        "paper (all codes move continuously), feasible (only rows that could really happen), or "
        "both, side by side.",
        "NAME",
        python="'paper' for continuous steps of all codes, 'feasible' for rows that could really"
        " happen (whole numbers, real levels, the schema's rules), 'both' for each attack"
        " under either; by default feasible of a table of your own, else paper.",
        said="paper; of your own data and model feasible",
    )
    chunk_rows: int | None = option(
        None,
        "Rows computed at once.",
        "N",
        "Rows computed at once; another shape may round results differently.",
        low=1,
        high=MOST_CHUNK_ROWS,
        said="what suits the data",
    )


@group
class Limited:
    """How often a model is asked."""

    max_queries: int | None = option(
        None,
        "The most rows that a model without gradients may be asked about; strongest takes as many "
        "steps as that pays for.",
        "N",
        low=1,
        high=MOST_GRADIENT_ROWS,
        said="no limit",
    )


@group
class Stepped:
    """How long a search is."""

    steps: int = option(20, "Steps of each attack and repair.", "N", low=1, high=MOST_STEPS)


@group
class Sized:
    """How far rows are moved, and what is said of that."""

    step_size: PerFeature | None = option(
        None,
        "Length of a step, as a share of each feature's range (in your own table of its usual "
        "spread), or NAME=SIZE,NAME=SIZE for the features that may move.",
        "SIZE",
        high=1,
        python="Length of a step as a share of each feature's scale, or one by name: of its "
        "range, or, of a table of your own, of its usual spread. By default 2.5 / `steps`"
        " of `epsilon` where that is given, else 0.01.",
        said="0.01; 2.5 x epsilon / steps where that is given",
        read=typed.sizes,
    )
    epsilon: PerFeature | None = option(
        None,
        "Largest change, likewise.",
        "SIZE",
        high=1,
        python="Largest change, likewise; `steps × step_size` by default.",
        said="steps x step size",
        read=typed.sizes,
    )
    max_category_changes: int = option(
        1,
        "How many categories a feasible perturbation may change.",
        "N",
        high=MOST_CATEGORY_CHANGES,
    )
    bands: Mapping[str, Sequence[float]] | None = option(
        None,
        "Bands of a sensitive number that rates by group are given by, as in age=25,45,65; a band "
        "holds its lower edge; may be repeated.",
        "NAME=EDGES",
        python="Ascending edges of the bands that rates by group are given by, by sensitive "
        "feature, such as {'age': [25, 45, 65]}; a band holds its lower edge. Those of "
        "the schema by default.",
        said="the schema's, else round numbers",
        many=True,
        read=typed.bands,
    )
    loss: str = option(
        "cross-entropy", "What attacks and repair follow: cross-entropy, mse or margin.", "NAME"
    )


@group
class Moved(Stepped, Sized, Limited, Computed):
    """How far and how rows are moved, by attacks and by a repair."""


@group
class Labelled:
    """What a repair follows."""

    labels: str | None = option(
        "true",
        "What the repair follows: true labels, or the consensus of the counterparts.",
        "NAME",
        python="What the repair follows: 'true' labels, the 'consensus' of the counterparts, or "
        "None for no repair.",
    )


@group
class Attacking(Moved, Seeded):
    """What attacks are asked."""

    attacks: Sequence[str] = option(
        DEFAULT_ATTACKS,
        "rafair (the union of its three goals), rafair-tb, rafair-ff, rafair-fb, strongest (all "
        "together, on what those named with it left), worst-counterpart, fgsm, pgd, apgd, acg, "
        "adf, eidig, dice or noise; with options as in pgd:restarts=5; may be repeated.",
        "NAME",
        python="Names of attacks; none at all gives the verdicts of clean rows only. By default "
        "the paper's, then the cascade `strongest` on what it left; one step is for the "
        "paper's alone.",
        said="rafair and strongest",
        typed="--attack",
        many=True,
    )
    instances: int | None = option(
        DEFAULT_INSTANCES,
        "How many rows to audit, or all.",
        "N",
        low=1,
        high=MOST_INSTANCES,
        said="200; of your own table all",
        read=typed.count_or_all,
    )
    epsilons: Sequence[float] | None = option(
        None,
        "Several largest changes, as in .01,.02,.05: robust rates at each.",
        "SIZES",
        python="Several budgets, such as (0.01, 0.02, 0.05), which are the default for a table "
        "of your own. `attacks` are told at the largest, robust rates at all (`curve`).",
        said="for your own table .01,.02,.05",
        read=typed.numbers,
    )
    max_gradient_rows: int | None = option(
        None,
        "The most gradient rows an attack may ask for, for each instance: compares attacks at "
        "equal cost.",
        "gradient_rows=N",
        low=1,
        high=MOST_GRADIENT_ROWS,
        said="no limit",
        typed="--budget",
        read=typed.gradient_rows,
    )
    black_box: bool = option(
        False, "Ask the model for predictions only, as is done anyway where it gives no gradients."
    )
    k: float = option(
        0.0,
        "K: a counterpart disagrees if 1[prediction differs] > K x distance.",
        "NUMBER",
        high=LARGEST_K,
        low_included=True,
    )


@group
class Auditing(Attacking, Labelled):
    """What an audit is asked; on command lines nothing moves sensitive features."""

    perturb_sensitive: bool = False


@group
class Repairing(Moved, Labelled):
    """What a repair is asked."""


@group
class Proven(Boxed):
    """What is proven once the attacks are done."""

    certify: bool = option(
        False,
        "Prove, once the attacks are done, of which instances the properties hold for every "
        "perturbation.",
    )


@group
class Certifying(Boxed, Seeded, Computed):
    """What a certificate of a run is asked."""

    epsilons: Sequence[float] | None = option(
        None,
        "The largest changes to certify, as in .01,.02,.05.",
        "SIZES",
        said="those of the run; of a saved model .01,.02,.05",
        read=typed.numbers,
    )
    instances: int | None = option(
        None,
        "How many of the run's instances to certify, or all.",
        "N",
        low=1,
        high=MOST_INSTANCES,
        said="all; of a saved model 200",
        read=typed.count_or_all,
    )
