"""The comparison with other libraries (benchmarks/): that all compute the same, and that the tables say what was
measured. No time is tested."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import ROOT

COMPARE = ROOT / "benchmarks" / "compare.py"
sys.path.append(str(COMPARE.parent))

import comparison  # noqa: E402
import images  # noqa: E402
import tables  # noqa: E402
import workloads  # noqa: E402
from peers import by_numpy  # noqa: E402

MEASURED = ["bandwidth", "training", "content", "predict", "growth", "startup", "memory", "images"]


@pytest.mark.parametrize(
    "name, megaflops",  # counted by hand, to three digits
    [("seed1", 3.16), ("seed1d", 13.4), ("seed2-adam", 1.26), ("seed3", 1.15)]
    + [("seed4", 11.1), ("seed5", 1.54), ("wide", 31.7)],
)
def test_flops_of_a_training_sample(name, megaflops):
    workload = next(workload for workload in workloads.WORKLOADS if workload.name == name)
    assert float(f"{workload.training_flops / 1e6:.3g}") == megaflops


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_the_reference_is_what_keras_computes(optimizer):
    """In double, the same steps as Keras takes in float32: a few roundings of 6e-8 in sums of 20 terms."""
    import keras

    workload = workloads.Workload("small", (20, 16, 12, 5), optimizer, 8, l2=0.01)
    rate = workload.learning_rate
    rules = {
        "sgd": lambda: keras.optimizers.SGD(rate),
        "momentum": lambda: keras.optimizers.SGD(rate, workloads.MOMENTUM),
        "adam": lambda: keras.optimizers.Adam(rate, workloads.BETA_1, workloads.BETA_2, epsilon=workloads.EPSILON),
    }
    penalty = keras.regularizers.L2(workload.l2)
    model = keras.Sequential([keras.Input((20,))])
    for units, activation in ((16, "relu"), (12, "relu"), (5, "softmax")):
        model.add(keras.layers.Dense(units, activation, kernel_regularizer=penalty))
    model.set_weights(workload.weights())
    model.compile(rules[optimizer](), "sparse_categorical_crossentropy")
    x, y = (array[:8] for array in workload.data())
    expected = []
    for _ in range(4):
        model.reset_metrics()
        expected.append(float(model.train_on_batch(x, y)))
    losses = by_numpy.losses(by_numpy.Network(workload, np.float64), 4)
    assert losses == pytest.approx(expected, rel=2e-6)  # of Keras in float32
    assert losses[0] - losses[3] > 100 * 2e-6 * losses[0]  # the steps are far larger than that


@pytest.mark.parametrize("workload", workloads.WORKLOADS, ids=lambda workload: workload.name)
def test_who_leaves_out_an_update_is_found_out(workload):
    """Every update changes the next loss by far more than what is tolerated."""
    losses = by_numpy.losses(by_numpy.Network(workload), workloads.CHECKED_STEPS)
    for before, after in zip(losses, losses[1:]):
        assert before - after > 20 * comparison.TOLERANCE["training"] * before


def test_who_computes_something_else_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(comparison, "say", lambda *words: None)
    options = SimpleNamespace(peers=None)
    made = comparison.Comparison(options, tmp_path)
    case = comparison.Case("training", "seed3", ("training",), [2.5, 2.4, 2.3], 32, 1e6)
    right, wrong = (
        SimpleNamespace(name=name, ask=lambda *words, values=values: values)
        for name, values in (("right", [2.5, 2.40001, 2.3]), ("wrong", [2.5, 2.5, 2.5]))
    )
    assert made.prepare(case, right) == {"work": 32, "flops": 1e6, "bytes": 0.0}
    assert made.prepare(case, wrong) is None
    made.results.close()
    (row,) = map(json.loads, (tmp_path / "results.jsonl").read_text().splitlines())
    assert (row["kind"], row["peer"], row["case"]) == ("failed", "wrong", "training seed3")


def test_ratios_are_those_of_single_rounds(tmp_path):
    """By hand: Martlet is 2, 3 and 1.5 times as fast as jax in the three rounds, and at 40, 60 and 30 % of the peak.
    jax, whose median is higher, is the best peer, not numpy, which was the fastest once."""
    row = {"kind": "training", "case": "seed3", "threads": 1, "work": 32, "flops": 4e6}
    lines = [
        {**row, "peer": "martlet", "rates": [1000.0, 1500.0, 750.0]},
        {**row, "peer": "jax", "rates": [500.0, 500.0, 500.0]},
        {**row, "peer": "numpy", "rates": [400.0, 400.0, 4000.0]},
        {**row, "peer": "peak", "flops": 1e7, "rates": [1000.0, 1000.0, 1000.0]},
    ]
    (tmp_path / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    title, summary, everybody = tables.training(tables.Results(tmp_path / "results.jsonl"))
    cells = [cell.strip() for cell in summary.splitlines()[2].strip("|").split("|")]
    assert cells == ["seed3", "32,000", "40 %", "jax", "16,000", "**2.00**", "1.50 - 3.00"]
    assert "| martlet | **32,000** |" in everybody and "peak" not in everybody


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """What is written of the small network for images."""
    with images.models([images.NETWORKS["cnn"]], tmp_path_factory.mktemp("models")) as about:
        return about["cnn"]


def test_a_network_for_images_is_described(known):
    """By hand: multiply-adds of 900 x 32 x 27, 784 x 64 x 288, 12544 x 128 and 128 x 10."""
    assert known["convolutions"] == [[32, 3, 32, 3, 1, 0, 0], [30, 32, 64, 3, 1, 0, 0]]
    assert known["predict_flops"] == 2 * (777_600 + 14_450_688 + 1_605_632 + 1_280)
    assert float(f"{known['training_flops'] / 1e6:.3g}") == 99.5
    assert len(known["outputs"]) == 10 and sum(known["outputs"]) == pytest.approx(1)


def test_who_leaves_out_an_update_of_a_network_for_images_is_found_out(known):
    for before, after in zip(known["losses"], known["losses"][1:]):
        assert before - after > 20 * comparison.TOLERANCE["image training"] * before


@pytest.mark.parametrize(
    "shape",
    [(2, 9, 4, 6, 3, 1, 1, 0), (2, 9, 3, 5, 3, 2, 1, 0), (3, 8, 4, 6, 1, 2, 0, 0), (2, 7, 5, 5, 3, 1, 1, 1)],
    ids=["same", "stride", "1x1", "depthwise"],
)
def test_convolutions_are_those_of_jax(shape):
    """Small integers, exact in any order: X W, and its gradients, all of whose elements count in the sum."""
    import jax

    shape = images.Convolution(*shape)
    x, w, dy = shape.factors()
    padding, groups = [(shape.padding, shape.padding)] * 2, shape.channels if shape.depthwise else 1

    def convolution(x, w):
        return jax.lax.conv_general_dilated(
            x, w, [shape.stride] * 2, padding, dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=groups
        )

    y, gradients = jax.vjp(convolution, x, w)
    assert y.shape == dy.shape
    dx, dw = gradients(dy)
    for operation, expected in {"fwd": y, "dx": dx, "dw": dw}.items():
        values = workloads.product_values(np.asarray(expected).reshape(1, -1))
        assert by_numpy.convolution_values(operation, shape) == values
    places = shape.kernel**2 * (1 if shape.depthwise else shape.channels)
    assert shape.flops == 2 * y.size * places


def test_convolutions_are_shown_as_shares_of_the_peak(tmp_path):
    """By hand: 30 % of the peak forward, 60 % for the weights; a network's input has no gradient."""
    row = {"case": "cnn: 64x32x32x3, 32 3x3", "threads": 1, "work": 1, "flops": 4e6}
    lines = [
        {**row, "kind": f"convolution {name}", "peer": peer, "flops": flops, "rates": [rate] * 2}
        for name, own in (("fwd", 750.0), ("dw", 1500.0))
        for peer, flops, rate in (("martlet-gemm", 4e6, own), ("torch", 4e6, 500.0), ("peak", 1e7, 1000.0))
    ]
    (tmp_path / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    title, shares = tables.convolutions(tables.Results(tmp_path / "results.jsonl"))
    assert title == "### Convolutions of cnn, share of the FMA peak, 1 thread"
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in shares.splitlines()]
    assert cells[0][2:] == [f"{peer} {name}" for peer in ("martlet-gemm", "torch") for name in ("forward", "dX", "dW")]
    assert cells[2] == ["64x32x32x3, 32 3x3", "4", "30 %", "-", "60 %", "20 %", "-", "20 %"]


def test_what_is_asked_stands_beside_the_ratio(tmp_path):
    row = {"kind": "image predict", "threads": 1, "work": 8, "flops": 8e9, "rates": [2.0, 2.0]}
    lines = [
        {**row, "case": case, "peer": peer} for case in ("cnn, 1", "xception-feat, 8") for peer in ("martlet", "torch")
    ]
    lines.append({"kind": "image memory", "case": "resnet50-train", "threads": 1, "peer": "martlet", "bytes": 6e8})
    lines.append({**lines[-1], "peer": "torch", "bytes": 8e8})
    (tmp_path / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    results = tables.Results(tmp_path / "results.jsonl")
    title, summary, everybody = tables.image_networks(results)
    assert [line.split("|")[-2].strip() for line in summary.splitlines()] == ["asked", "----:", "-", "1.15"]
    title, memory, asked = tables.image_memory(results)
    assert [cell.strip() for cell in memory.splitlines()[-1].strip("|").split("|")] == ["torch", "800", "75 %"]
    assert asked == "Asked of resnet50-train: at most 70 % of torch."


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--threads", "0"], "'0' is not a whole number greater than 0"),
        (["--threads", "1000000"], "this process may use"),
        (["--rounds", "2.5"], "'2.5' is not a whole number greater than 0"),
        (["--block", "-1"], "'-1' is not a number greater than 0"),
        (["--peers", "nonsense"], "no name begins so; there are jax, jax-scan"),
        (["--workloads", "nonsense"], "choose from 'seed1'"),
        (["--quick", "--readme"], "measures nothing"),
        (["--report"], "has no results.jsonl"),
    ],
)
def test_wrong_options_measure_nothing(run_python, tmp_path, arguments, message):
    done = run_python(COMPARE, *arguments, "--output", tmp_path)
    assert done.returncode == 2 and message in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_run_keeps_the_results_before_it(tmp_path):
    (tmp_path / "results.jsonl").write_text("an hour's work")
    comparison.Comparison(SimpleNamespace(peers=None), tmp_path).results.close()
    assert (tmp_path / "results.previous.jsonl").read_text() == "an hour's work"


def test_a_quick_run(run_python, tmp_path):
    """Martlet, from C and from Python, beside NumPy: all agree on every case and all have a rate in every round."""
    done = run_python(COMPARE, "--quick", "--peers", "martlet", "numpy", "--only", *MEASURED, "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [row for row in rows if row["kind"] == "failed"] == []
    assert [row["peer"] for row in rows if row["kind"] == "participant" and not row["version"]] == []
    participants = {"martlet", "martlet-python", "numpy"}
    for kind, case, expected in [
        ("training", "seed3", participants | {"peak"}),
        ("predict 1", "seed3", participants | {"peak", "read"}),
        ("predict 256", "seed3", participants | {"peak"}),
        ("growth", "width 64", {"martlet", "numpy", "peak"}),
        ("growth", "depth 2", {"martlet", "numpy", "peak"}),
        ("growth", "batch 4", {"martlet", "numpy", "peak"}),
        ("bandwidth triad", 1 << 15, {"read"}),
        ("image training", "cnn", {"martlet", "martlet-python", "peak"}),
        ("image predict", "cnn, 1", {"martlet", "martlet-python", "peak"}),
        ("image predict", "cnn, 256", {"martlet", "martlet-python", "peak"}),
    ]:
        found = {row["peer"]: row for row in rows if row["kind"] == kind and row["case"] == case}
        assert found.keys() == expected, (kind, case)
        assert all(len(row["rates"]) == 2 and min(row["rates"]) > 0 for row in found.values()), (kind, case)
    started = participants | {"libhdf5"}
    for kind in ("startup", "memory"):
        assert {row["peer"] for row in rows if row["kind"] == kind} == started
    assert {row["peer"] for row in rows if row["kind"] == "image memory"} == {"martlet", "martlet-python"}
    assert not list((tmp_path / "data").glob("cnn.*"))
    assert (tmp_path / "tables.md").read_text() == done.stdout
    headings = ["Training", "Prediction of one row", "Prediction of 256 rows", "How the cost", "Roofline", "Resident"]
    headings += ["Networks for images: Training", "Networks for images: Prediction", "Networks for images: the most"]
    for heading in headings:
        assert f"\n### {heading}" in done.stdout
    assert (tmp_path / "growth.png").stat().st_size > 10_000
