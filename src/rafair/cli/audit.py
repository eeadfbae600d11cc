"""`rafair audit`: from a data set and a network to a verdict, the cases, and their repair."""

from __future__ import annotations

from rafair.cli import shared_options
from rafair.cli.console import show_audit
from rafair.cli.typer_options import grouped
from rafair.errors import InputError
from rafair.models.train_options import OfPaper
from rafair.options import Given, group
from rafair.results.audit_option_groups import Auditing, Proven

EPILOG = "Example:  rafair audit --dataset affairs --instances 100 --out runs/first"


@group
class Subject(shared_options.Subject, shared_options.Blockwise):
    """A model and data, which may be read block by block."""


@group
class Asked(Auditing, Proven):
    """What is asked of an audit."""


@grouped
def audit(
    subject: Given[Subject],
    asked: Given[Asked],
    training: Given[OfPaper],
    running: shared_options.Running,
    output: shared_options.Output,
) -> None:
    """Audits a model: clean rates, rates under attack, the cases, and their repair.

    Without options it trains the paper's network on the affairs data and audits that; with --data,
    --label, --sensitive and --model it audits your own model on your own table.
    """
    from rafair.auditing.audit_setup import AuditConfig
    from rafair.auditing.certify_options import CertifyOptions
    from rafair.auditing.entry import audit_named
    from rafair.engine.option_groups import Boxed
    from rafair.models.training import TrainConfig

    output.spare(subject)
    given, boxes = asked.of(Auditing), asked.of(Boxed)
    config = AuditConfig(**given)
    trained = TrainConfig(**training.values, seed=config.seed)
    means = running.means(output)
    if "model" in subject.values:
        shared_options.refuse_with("`model`, which is trained already", training.values)
    if boxes and "certify" not in asked.values:
        shared_options.refuse_without("certify", boxes)
    if "stream" in subject.values and "data" not in subject.values:
        raise InputError("stream: expected with `data`, which it belongs to")
    proven = CertifyOptions(**boxes) if "certify" in asked.values else None
    named = shared_options.named(subject, running.device)
    show_audit(audit_named(named, given, means, trained, proven), output.json)
