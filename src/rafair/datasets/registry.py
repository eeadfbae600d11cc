"""The data sets there are, and everything known about them without reading a file.

Adding one costs a `DatasetInfo` here and a module of the same name with a function `read`.
"""

from __future__ import annotations

from rafair.datasets.compas_minimising import minimise_compas
from rafair.datasets.info import DatasetInfo, PaperFacts, SourceFile, Variant

CC_BY = "CC BY 4.0 (as UCI's page states; the file itself carries no licence text)"
UCI = "https://archive.ics.uci.edu/static/public"


def _both(features: int) -> dict[Variant, int]:
    return dict.fromkeys(Variant, features)


AFFAIRS = DatasetInfo(
    name="affairs",
    title="Extramarital affairs (Fair)",
    source="https://www.statsmodels.org/stable/datasets/generated/fair.html",
    citation="Fair, R. (1978). A Theory of Extramarital Affairs. Journal of Political Economy, "
    "February, 45-61.",
    licence="Included in statsmodels with permission of the author",
    label="any time spent in extramarital affairs (affairs > 0)",
    problems=(
        "Self-reported answers of married women to a magazine's survey, from the 1970s: no sample "
        "of any population of today.",
        "Ages, years married and numbers of children are values that stand for intervals (such as "
        "17.5 years or 5.5 children).",
        "1,039 rows repeat another row exactly, the amount of affairs included.",
        "The classes are unequal: 32.2 % are affairs > 0.",
    ),
    rows=6_366,
    features=_both(8),
    sensitive={"age": 6, "religious": 4},
    bundled="statsmodels (fair.csv)",
)

ADULT = DatasetInfo(
    name="adult",
    title="Census Income (Adult)",
    source="https://doi.org/10.24432/C5XW20",
    citation="Becker, B. & Kohavi, R. (1996). Adult [Dataset]. UCI Machine Learning Repository.",
    licence=CC_BY,
    label="yearly income above 50,000 US dollars",
    problems=(
        "3,620 of the 48,842 rows hold a '?' and are dropped.",
        "fnlwgt, the census's sampling weight, is dropped: rates are of rows, not of the "
        "population.",
        "47 of the 45,222 rows repeat another row exactly (fnlwgt included).",
        "The classes are unequal: 24.8 % are above 50K. The figures are of 1994.",
        "The country 'South' (101 rows) is documented nowhere; it stands as a region of its own.",
        "relationship gives gender away for husbands and wives, so changing gender alone makes "
        "counterparts that no person could be.",
    ),
    rows=45_222,
    features=_both(13),
    sensitive={"age": 74, "race": 5, "gender": 2},
    files=(
        SourceFile(
            "adult.data",
            "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
            f"{UCI}/2/adult.zip",
            ("adult.data",),
        ),
        SourceFile(
            "adult.test",
            "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
            f"{UCI}/2/adult.zip",
            ("adult.test",),
        ),
    ),
    train_rows=30_162,
    paper=PaperFacts(45_222, {"gender": 2, "age": 71, "race": 5}),
)

CREDIT = DatasetInfo(
    name="credit",
    title="Statlog German Credit",
    source="https://doi.org/10.24432/C5NC77",
    citation="Hofmann, H. (1994). Statlog (German Credit Data) [Dataset]. UCI Machine Learning "
    "Repository.",
    licence=CC_BY,
    label="a good credit risk",
    problems=(
        "Sex is only found inside attribute 9 and split from it here: A92 is female; A91, A93, "
        "A94 are male; A95 (single women) never occurs.",
        "A92 puts married women with the divorced and separated, so personal status means "
        "something else for women.",
        "Later work (Grömping 2019, 'South German Credit') finds several codes documented "
        "wrongly, those of sex and foreign worker among them; levels here are as UCI states them.",
        "963 of 1,000 rows are foreign workers.",
        "The classes are unequal: 70 % are good. They were not drawn by their share among "
        "applicants.",
    ),
    rows=1_000,
    features=_both(21),
    sensitive={"gender": 2, "age": 53},
    files=(
        SourceFile(
            "german.data",
            "b21f3d81db8071257d5ff1deaeba1fd4303b62712e6fcc9715c7a86202cb5871",
            f"{UCI}/144/statlog+german+credit+data.zip",
            ("german.data",),
        ),
    ),
    paper=PaperFacts(1_000, {"gender": 2, "age": 51}),
)

BANK = DatasetInfo(
    name="bank",
    title="Bank Marketing",
    source="https://doi.org/10.24432/C5K306",
    citation="Moro, S., Rita, P. & Cortez, P. (2012). Bank Marketing [Dataset]. UCI Machine "
    "Learning Repository.",
    licence=CC_BY,
    label="the client subscribed a term deposit (y = yes)",
    problems=(
        "duration, the length of the call, is known only after it and gives the outcome away: "
        "'clean' drops it, 'paper' keeps it.",
        "'unknown' is an ordinary level of job, education, contact and poutcome.",
        "pdays = -1 (36,954 rows) means never contacted before, yet stands beside 1 day.",
        "The classes are very unequal: 11.7 % are yes, so a model that always says no is right "
        "88.3 % of the time.",
    ),
    rows=45_211,
    features={Variant.CLEAN: 15, Variant.PAPER: 16},
    sensitive={"age": 77},
    files=(
        SourceFile(
            "bank-full.csv",
            "d1513ec63b385506f7cfce9f2c5caa9fe99e7ba4e8c3fa264b3aaf0f849ed32d",
            f"{UCI}/222/bank+marketing.zip",
            ("bank.zip", "bank-full.csv"),
        ),
    ),
    paper=PaperFacts(45_211, {"age": 77}),
)

COMPAS = DatasetInfo(
    name="compas",
    title="ProPublica COMPAS recidivism",
    source="https://github.com/propublica/compas-analysis",
    citation="Angwin, J., Larson, J., Mattu, S. & Kirchner, L. (2016). Machine Bias. ProPublica.",
    licence="None stated; ProPublica's data store terms ask to cite ProPublica and bar "
    "stand-alone republication of the raw data",
    label="charged again within two years (two_year_recid)",
    problems=(
        "Personal data: the publisher's file names real people. rafair drops names, birth dates "
        "and case numbers before it keeps anything. Do not republish the file.",
        "is_recid equals the label in 97.07 % of rows, and is_violent_recid looks at the same "
        "time: 'clean' drops both, 'paper' keeps them.",
        "'paper' has 11 features with the publisher's file, but 9 with the minimised one, which "
        "lacks is_violent_recid and jail days.",
        "The label counts arrests, not offences, in one county (Broward, Florida).",
        "Filtered as ProPublica did: screened within 30 days of the arrest; 6,172 of 7,214 rows.",
        "11 rows are Native American, 31 Asian: their domain values are rarely backed by data.",
        "45.5 % are two_year_recid.",
    ),
    rows=6_172,
    features={Variant.CLEAN: 8, Variant.PAPER: 11},
    sensitive={"age": 65, "race": 6, "gender": 2},
    files=(
        SourceFile(
            "compas-scores-two-years.csv",
            "c451db85908b2f7fef1d83203bedf6b71ecda0d5af468d82ae62178f91d0cc7d",
            "https://raw.githubusercontent.com/propublica/compas-analysis/"
            "bafff5da3f2e45eca6c2d5055faad269defd135a/compas-scores-two-years.csv",
            minimise=minimise_compas,
            substitute=SourceFile(
                "compas-two-years-minimised.csv",
                "e6debadb0edfaeb737efd598249c76f77a385d7e908e35208c3d3f0f2b99f188",
            ),
        ),
    ),
    paper=PaperFacts(6_172, {"gender": 2, "age": 71, "race": 6}),
)

DATASETS: dict[str, DatasetInfo] = {
    info.name: info for info in (AFFAIRS, ADULT, CREDIT, BANK, COMPAS)
}
