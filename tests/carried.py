"""What tests of runs that are taken along share: a run carried out in this process, with its curves and checkpoints."""

from resnet_viz.data import catalogue
from resnet_viz.runs.store import Store
from resnet_viz.spec.run import RunSpec
from resnet_viz.workers import worker


def carried_out(store: Store, *specs: RunSpec) -> str:
    """The id of a run that a worker would have made of a spec; of several, with spaces between, in one group."""
    filled = [catalogue.fill(spec) for spec in specs]
    ids = store.create([(spec, catalogue.total_steps(spec)) for spec in filled])
    for _ in ids:
        claim = store.claim("w")
        assert claim
        worker.carry_out(store, claim, worker.train(claim))
    return " ".join(ids)
