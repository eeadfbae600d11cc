"""The policy that a new user begins with."""

FIRST_POLICY = """\
# What a release must reach. Hold a finished audit against it:
#     rafair gate runs/affairs-1 --policy policy.toml
# docs/gate.md lists every key; `rafair audit --json -` shows every rate and attack of a run.
# The limits below are placeholders, which nearly every model reaches: put yours in their place.
version = 1

# The run that rules with largest_drop or largest_rise compare with, relative to this file;
# `--baseline RUN` takes its place.
# [baseline]
# run = "runs/last-release"

# Right, and equal for all counterparts, before any perturbation.
[[rule]]
rate = "clean.accurate_fairness"
at_least = 0.4

# No violation found by any attack: how hard they searched is part of the figure. Without a line
# `attack`, a rule is about the strongest; attack = "*" stands for every attack of the run.
[[rule]]
rate = "robust.accurate_fairness"
at_least = 0.02

# The same at a smaller budget: one of those that the run was audited at, as the tables of its
# report name them (`rafair audit --epsilons 0.02,0.1`). Without the line, the largest is meant.
# [[rule]]
# rate = "robust.accurate_fairness"
# epsilon = 0.02
# at_least = 0.1

# Only what also holds at the unfavourable end of the 95 % interval passes.
[[rule]]
rate = "clean.accuracy"
at_least = 0.6
by = "interval"

# Instances that the paper's attack drove into unequal treatment at least once.
[[rule]]
rate = "exposed.true_biased"
attack = "rafair"
at_most = 0.95

# Every group of a sensitive feature that has at least 30 instances; value = "female" for one.
# [[rule]]
# rate = "robust.accuracy"
# group = "gender"
# min_n = 30
# at_least = 0.4

# The largest difference between two such groups; pairs are written "age × gender".
# [[rule]]
# rate = "clean.accurate_fairness"
# group = "gender"
# largest_gap = 0.10

# Against the baseline, instance by instance; rates that are bad when high take largest_rise.
# [[rule]]
# rate = "robust.accurate_fairness"
# largest_drop = 0.02
# by = "interval"

# Proven of every perturbation, not only of those that were tried, once `rafair certify RUN` has
# looked; epsilon = 0.02 picks a budget, the largest without.
# [[rule]]
# rate = "certified.accurate_fairness"
# at_least = 0.3

# Where nothing was counted a rule fails, unless it says so:
# if_not_measured = "pass"
"""
"""Valid as it is."""
