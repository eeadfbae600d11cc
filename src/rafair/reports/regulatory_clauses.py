"""Which published rules ask for evidence of the kind that each figure is.

The clauses are paraphrased, not quoted. `docs/report.md` says how each citation was checked.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Framework:
    """A published rule or guide.

    Args:
        name: Its short name, the heading of a column.
        citation: What to look it up by.
        remark: What to know of the citation.
    """

    name: str
    citation: str
    remark: str


@dataclass(frozen=True)
class Clause:
    """A part of a framework, and what it asks for, in our words.

    Args:
        framework: The framework's short name.
        place: Where in it.
        asks: What it asks for.
    """

    framework: str
    place: str
    asks: str


@dataclass(frozen=True)
class Figure:
    """A kind of figure, and the clauses that ask for such evidence.

    Args:
        key: Its key in `Contents.evidence`.
        name: What it is called.
        clauses: For each framework the places.
    """

    key: str
    name: str
    clauses: tuple[tuple[str, ...], ...]


EU, NIST, US = "EU AI Act", "NIST AI RMF", "SR 26-2"

FRAMEWORKS = (
    Framework(
        EU,
        "Regulation (EU) 2024/1689 of 13 June 2024 (Artificial Intelligence Act), Articles 9, 10 "
        "and 15",
        "Cited as published in 2024. The Act was amended in 2026; look up in the consolidated text "
        "how a clause reads today, and from when it applies to your system. These articles bind "
        "high-risk systems.",
    ),
    Framework(
        NIST,
        "NIST AI 100-1, Artificial Intelligence Risk Management Framework (AI RMF 1.0), January "
        "2023",
        "Voluntary.",
    ),
    Framework(
        US,
        "Revised Guidance on Model Risk Management, 17 April 2026, of the Federal Reserve Board "
        "(SR letter 26-2) with the OCC (Bulletin 2026-13) and the FDIC; supersedes SR 11-7 and "
        "SR 21-8",
        "Cited by title, date and topic; check the wording with its publishers. Said to be most "
        "relevant to banking organisations of more than 30 billion dollars, not to set enforceable "
        "standards, and to leave generative and agentic AI out.",
    ),
)

CLAUSES = (
    Clause(EU, "9(2)(a)", "know and analyse foreseeable risks, also to fundamental rights"),
    Clause(EU, "9(2)(b)", "estimate risks in use, and in misuse that can be foreseen"),
    Clause(EU, "9(2)(d), 9(5)", "take measures against risks, and judge what risk remains"),
    Clause(EU, "9(6), 9(8)", "test, against metrics and thresholds that were set beforehand"),
    Clause(EU, "10(2)(f)", "examine data sets for biases that could lead to discrimination"),
    Clause(EU, "10(2)(g)", "take measures to detect, prevent and mitigate such biases"),
    Clause(EU, "10(3)", "use data that represent the persons and groups concerned"),
    Clause(EU, "15(1), 15(3)", "reach a suitable accuracy and robustness, and declare accuracy"),
    Clause(EU, "15(4)", "withstand errors, faults and inconsistencies"),
    Clause(EU, "15(5)", "withstand attempts to alter outputs, such as adversarial examples"),
    Clause(NIST, "GOVERN 4.2", "document risks and impacts, and tell of them"),
    Clause(NIST, "MAP 2.3", "document how a system was tested, and on which data"),
    Clause(NIST, "MAP 5.1", "document how likely and how large impacts are"),
    Clause(NIST, "MEASURE 1.1", "choose metrics, and document what is not measured"),
    Clause(NIST, "MEASURE 2.1", "document test sets, metrics and tools"),
    Clause(NIST, "MEASURE 2.3", "measure performance under conditions like those of use"),
    Clause(NIST, "MEASURE 2.5", "show validity and reliability, and document their limits"),
    Clause(NIST, "MEASURE 2.6", "evaluate safety, with metrics of reliability and robustness"),
    Clause(NIST, "MEASURE 2.7", "evaluate security and resilience"),
    Clause(NIST, "MEASURE 2.9", "explain and validate the model, and read outputs in context"),
    Clause(NIST, "MEASURE 2.11", "evaluate fairness and bias, and document the results"),
    Clause(NIST, "MANAGE 1.3, 1.4", "respond to risks, and document those that remain"),
    Clause(US, "validation", "check that a model does what it is for, and where it fails"),
    Clause(US, "outcomes analysis", "compare a model's outputs with what really happened"),
    Clause(US, "limitations", "know and document a model's weaknesses and assumptions"),
    Clause(US, "effective challenge", "let informed parties question a model and its results"),
    Clause(US, "documentation", "document so that others can follow and repeat"),
)

FIGURES = (
    Figure(
        "accuracy",
        "Accuracy",
        (("15(1), 15(3)",), ("MEASURE 2.3", "MEASURE 2.5"), ("outcomes analysis",)),
    ),
    Figure(
        "fairness",
        "Individual and accurate fairness, rows as they are",
        (("9(2)(a)", "10(2)(f)"), ("MEASURE 2.11",), ("validation",)),
    ),
    Figure(
        "robust",
        "Robust rates under attack",
        (
            ("9(2)(b)", "9(6), 9(8)", "15(4)", "15(5)"),
            ("MEASURE 2.5", "MEASURE 2.6", "MEASURE 2.7"),
            ("validation", "limitations"),
        ),
    ),
    Figure(
        "groups",
        "Rates by sensitive group, and the largest gaps",
        (("10(2)(f)", "10(3)"), ("MEASURE 2.11", "MAP 5.1"), ("outcomes analysis",)),
    ),
    Figure(
        "features",
        "Where violations concentrate, and what was moved",
        (("9(2)(a)",), ("MEASURE 2.9",), ("limitations",)),
    ),
    Figure(
        "cases",
        "Cases",
        (("9(2)(a)",), ("MEASURE 2.9", "MAP 5.1"), ("effective challenge",)),
    ),
    Figure(
        "repair",
        "Repair of cases",
        (("9(2)(d), 9(5)", "10(2)(g)"), ("MANAGE 1.3, 1.4",), ("limitations",)),
    ),
    Figure(
        "sample",
        "Sample, counts and intervals",
        (("9(6), 9(8)",), ("MEASURE 2.1", "MAP 2.3"), ("validation",)),
    ),
    Figure(
        "limits",
        "Warnings and limits",
        (("9(2)(d), 9(5)",), ("MEASURE 1.1", "MEASURE 2.5"), ("limitations",)),
    ),
    Figure(
        "manifest",
        "What is needed to repeat the run",
        (("9(6), 9(8)",), ("MEASURE 2.1", "GOVERN 4.2"), ("documentation",)),
    ),
)

NOT_SHOWN = (
    "That the model is free of violations: a search shows what it found within its budget.",
    "Anything of people unlike the audited rows, or of a time after the data were gathered.",
    "Whether the labels are right, or are themselves the trace of unequal treatment.",
    "Whether the sensitive features are the ones that matter here, or others stand in for them. "
    "Counterparts change sensitive values alone, and leave what follows from them as it is.",
    "Differences between groups that have other causes than the model's answers to like cases.",
    "How people use the model's answers, and what harm a wrong one does.",
    "A mended model: the repair changes single rows, not the model.",
    "That any rule is met. That is for people to judge, from this and much else.",
)
