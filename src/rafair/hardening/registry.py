"""The methods of hardening by name."""

from __future__ import annotations

from rafair.hardening.augment import Augment
from rafair.hardening.counterpart_adversarial import CounterpartAdversarial
from rafair.hardening.counterpart_logit_pairing import CounterpartLogitPairing
from rafair.hardening.method import TrainingMethod
from rafair.hardening.pgd_at import PgdTraining
from rafair.hardening.trades import Trades

TRAINING: dict[str, type[TrainingMethod]] = {
    "counterpart-adversarial": CounterpartAdversarial,
    "pgd-at": PgdTraining,
    "trades": Trades,
    "augment": Augment,
    "counterpart-logit-pairing": CounterpartLogitPairing,
}
"""They train a network anew."""
