"""The page Runs in Streamlit's own test frame: weights and whole runs, out of a store and into another."""

from resnet_viz.publish import bundle
from resnet_viz.runs.store import Store
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.ui.runs.table import TICKED
from resnet_viz.words.numbers import percent
from tests.apps import headline, unrun
from tests.carried import carried_out

SPEC = RunSpec(ModelSpec(depth=8, width=0.25), train=TrainSpec(epochs=2, batch_size=512, device="cpu", threads=1))


def test_one_run_offers_its_checkpoints_with_the_lines_that_load_them() -> None:
    run = carried_out(Store(), SPEC)
    closed = unrun("runs", **{TICKED: [run]}).run()
    assert not closed.exception
    assert not closed.code, "torch is not imported for what nobody opened"
    at = unrun("runs", **{TICKED: [run], "weights": True}).run()
    assert not at.exception
    assert at.selectbox(key=f"weights of {run}").options == ["6", "3"]
    assert 'load_file("residual-8-step-6.safetensors")' in at.code[0].value
    at.selectbox(key=f"weights of {run}").set_value(3).run()
    at.segmented_control(key="weights kind").set_value(".pth").run()
    assert 'torch.load("residual-8-step-3.pth"' in at.code[0].value
    assert "ModelSpec(depth=8, width=0.25, channels=1, size=8)" in at.code[0].value


def test_a_run_without_weights_says_so() -> None:
    (run,) = Store().create([(SPEC, 6)])
    at = unrun("runs", **{TICKED: [run], "weights": True}).run()
    assert not at.exception
    assert [error.value for error in at.error] == [
        "Run 'residual-8 on digits' has left no weights to look at: let it train for an epoch, or choose another."
    ]


def test_an_exported_pair_is_imported_on_runs_and_opens_on_twins_and_explain(tmp_path) -> None:
    there = Store(tmp_path / "there")
    ids = carried_out(there, SPEC, SPEC.twin()).split()
    content = bundle.pack(there, ids)
    at = unrun("runs").run()
    at.file_uploader(key="bring_runs").upload("pair.zip", content, "application/zip").run()
    assert not at.exception
    assert not at.error
    assert sorted(at.session_state[TICKED]) == sorted(ids)
    assert at.dataframe[0].value["name"].tolist() == ["plain-8 on digits", "residual-8 on digits"]
    assert not at.get("download_button")[2].proto.disabled
    group = Store().run(ids[0]).group
    twins = unrun("twins", show=group).run()
    assert not twins.exception
    assert not twins.error
    accuracies = [percent(Store().run(id_).result["test_accuracy"]) for id_ in ids]
    assert " and ".join(accuracies) in headline(twins)
    explain = unrun("explain", net=f"run:{ids[0]}").run()
    assert not explain.exception
    assert not explain.error
    assert explain.selectbox(key="net").value == f"run:{ids[0]}"
    assert "The residual net says" in headline(explain)


def test_what_can_not_be_imported_is_one_sentence() -> None:
    at = unrun("runs").run()
    at.file_uploader(key="bring_runs").upload("mine.zip", b"hello", "application/zip").run()
    assert not at.exception
    assert "mine.zip" in at.error[0].value
    assert Store().runs() == []
