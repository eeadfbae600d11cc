"""`rafair audit`: from a data set and a network to a verdict, the cases, and their repair."""

from __future__ import annotations

from rafair.cli import model_options as models
from rafair.cli import options
from rafair.cli.console import show_audit
from rafair.cli.groups import grouped
from rafair.cli.outputs import refuse_same
from rafair.errors import InputError

EPILOG = "Example:  rafair audit --dataset affairs --instances 100 --out runs/first"


@grouped
def audit(
    dataset: options.AnyDataset = None,
    variant: options.AnyVariant = None,
    model: models.Model = None,
    data: models.Data = None,
    columns: models.Columns = models.UNTOLD,
    reading: models.Reading = models.AS_IT_IS,
    opening: models.Opening = models.UNSAID,
    stream: models.Stream = None,
    attack: options.Attack = None,
    instances: options.Instances = None,
    steps: options.Steps = None,
    step_size: options.StepSize = None,
    epsilon: options.Epsilon = None,
    epsilons: options.Epsilons = None,
    perturbation: options.Perturbation = None,
    max_category_changes: options.MaxCategoryChanges = None,
    bands: options.Bands = None,
    certify: options.Certify = False,
    boxes: options.Boxes = None,
    budget: options.Budget = None,
    black_box: options.BlackBox = None,
    max_queries: options.MaxQueries = None,
    k: options.K = None,
    loss: options.Loss = None,
    train_loss: options.TrainLoss = None,
    epochs: options.Epochs = None,
    labels: options.Labels = None,
    seed: options.Seed = None,
    chunk_rows: options.ChunkRows = None,
    threads: options.Threads = None,
    device: options.Device = "cpu",
    engine: options.Engine = "serial",
    address: options.Address = None,
    workers: options.Workers = None,
    out: options.Out = None,
    force: options.Force = False,
    json: options.Json = None,
) -> None:
    """Audits a model: clean rates, rates under attack, the cases, and their repair.

    Without options it trains the paper's network on the affairs data and audits that; with --data,
    --label, --sensitive and --model it audits your own model on your own table.
    """
    from rafair.auditing.certify_options import CertifyOptions
    from rafair.auditing.config import AuditConfig
    from rafair.auditing.entry import audit_named
    from rafair.models.training import TrainConfig

    refuse_same(
        "--json", json, data=data, schema=columns.schema, model=model, weights=opening.weights
    )
    given = options.given(
        attacks=attack,
        instances=instances,
        steps=steps,
        step_size=step_size,
        epsilon=epsilon,
        epsilons=epsilons,
        perturbation=perturbation,
        max_category_changes=max_category_changes,
        bands=bands,
        budget=budget,
        black_box=black_box,
        max_queries=max_queries,
        k=k,
        loss=loss,
        labels=labels,
        seed=seed,
        chunk_rows=chunk_rows,
    )
    config = AuditConfig(**given)
    training = TrainConfig(**options.given(epochs=epochs, loss=train_loss), seed=config.seed)
    executor = options.executor(engine, address, workers, device)
    means = options.means(out, force, threads, device, executor)
    if model is not None:
        options.refuse_with(
            "--model, which is trained already", epochs=epochs, train_loss=train_loss
        )
    if boxes is not None and not certify:
        raise InputError(f"boxes: expected with --certify, which it belongs to; got {boxes}")
    proven = CertifyOptions(**options.given(boxes=boxes)) if certify else None
    if stream is not None and data is None:
        raise InputError("stream: expected with --data, which it belongs to")
    of_data = {"dataset": dataset, "variant": variant, "stream": stream}
    named = models.named(model, opening, device, data, columns, reading, **of_data)
    show_audit(audit_named(named, given, means, training, proven), json)
