"""The reports of examples/reports: each runs in its short form, and no committed page says what its figures do not."""

import json
import math
import os
import re
import shutil

import numpy as np
import pytest
from conftest import PACKAGE, ROOT

FOLDER = ROOT / "examples" / "reports"
NAMES = sorted(path.name.removesuffix(".template.md") for path in FOLDER.glob("*.template.md"))


def beyond(figures):
    for data in ("mnist", "fashion_mnist", "cifar10"):
        runs = [figures[f"{data}_{name}"] for name in ("plain", "varied", 1, 2, 3, 4, 5)]
        assert all(math.isfinite(run["loss"]) for run in runs)
        # Ten classes; eight steps are enough to learn something of digits and clothes, not of photographs.
        assert data == "cifar10" or min(run["accuracy"] for run in runs) > 0.2
        assert [len(run["accuracies"]) for run in runs] == [1, 1, 0, 0, 0, 0, 0]
        assert len({run["loss"] for run in runs}) == 7 and figures["clock"][data] > 0


def cifar10_layers(figures):
    found = figures["gradients"]
    assert found["martlet"]["error"] < 1e-5 and found["martlet"]["weights_apart"] < 1e-6
    for layer in ("layer_1", "layer_2"):
        # Difference quotients in double with a step of 1e-5 are good to about 1e-9; the second division is by 8.
        assert found["right"][layer]["error"] < 1e-6
        assert found["divided_twice"][layer]["length"] == pytest.approx(1 / 8, rel=1e-5)
    assert found["inverted"]["layer_1"]["error"] > 0.1 and found["inverted"]["layer_2"]["error"] < 1e-6
    broken = figures["log_of_probability"]
    assert len(broken["written"]) == broken["batches"]
    # Both begin with the same weights and the same batch; scores are sums of 3072 products, here in float32.
    assert broken["martlet"][0] == pytest.approx(broken["stable"][0], rel=1e-4)
    losses = broken["martlet"] + broken["stable"]
    for experiment in ("two_layers", "three_layers", "dropout"):
        assert len(figures[experiment]["runs"]) == 3
        losses += [loss for run in figures[experiment]["runs"] for loss in run["loss"] + run["val_loss"]]
    assert all(map(math.isfinite, losses)) and figures["clock"]["epoch_seconds"] > 0


def cifar10_two_layer_net(figures):
    toy = figures["toy"]
    assert max(toy["scores"], toy["loss_difference"]) < 1e-11
    assert max(toy["by_hand"] + toy["library"] + toy["across"]) < 1e-6
    first_losses = [seed["loss"][0] for seed in figures["start"]["runs"][0]["seeds"]]
    assert first_losses == pytest.approx([math.log(10)] * len(first_losses), abs=1e-5)
    # Each rung is for the better half of the one before, with twice as many epochs.
    search = figures["search"]
    assert [later / earlier for earlier, later in zip(search["rungs"], search["rungs"][1:])] == [2]
    alive = search["rivals"]
    for rung in range(len(search["rungs"])):
        assert len(alive) == 4 / 2**rung and all(len(rival["accuracy"]) > rung for rival in alive)
        alive = sorted(alive, key=lambda rival: -rival["accuracy"][rung])[: len(alive) // 2]
    assert [rival["setting"] for rival in alive] == [search["chosen"]]
    assert sorted(len(rival["accuracy"]) for rival in search["rivals"]) == [1, 1, 2, 2]
    # A training looked at on its way: the seconds are those since its beginning.
    for seconds in figures["budgets"]["seconds_of_training"]:
        assert 0 < seconds[0] < seconds[1] and len(seconds) == len(figures["budgets"]["iterations"])


def fashion_mnist(figures):
    # Batches of 100 rows, divided by 100 once more at each layer; quotients of step 1e-5 in double are good to 1e-6.
    assert figures["checked"]["right"] == pytest.approx([1, 1, 1], abs=1e-4)
    assert figures["checked"]["divided"] == pytest.approx([1e-4, 1e-2, 1], rel=1e-4)
    for row in figures["logarithm"]["rows"]:
        # log(1 + e^gap) and its derivative, to the 6 digits that are kept; -log 1e-8 = 18.42068.
        assert row["loss"] == pytest.approx(np.logaddexp(0, row["gap"]), rel=1e-5)
        assert row["gradient"] == pytest.approx(-1 / (1 + np.exp(-row["gap"])), rel=1e-5)
        assert row["shifted"] <= 18.4207
    for run in ("relu_100", "relu_1000", "sigmoid_100", "sigmoid_1000"):
        assert len(figures[run]["test"]) == 4 and figures[run]["curve"]["epoch"] == [1, 2, 3, 4]
    # Ten times as many steps on the same rows.
    assert figures["relu_100"]["training"][-1] > figures["relu_1000"]["training"][-1]


def mnist_from_scratch(figures):
    # Central differences of a loss in double: exact but for its third derivative, times 1e-8.
    assert figures["summed"]["ratios"] == pytest.approx({"Network": 1, "Summed": 100}, rel=1e-3)
    (stuck,) = figures["summed"]["stuck"]["784-360-100-10"]["0.1"]
    assert stuck["dead"][-1] == 1 and stuck["gradient_norms"][:2] == [0, 0] and stuck["classes"] == 1
    # The same steps in float32, rounded differently: not one image in a hundred is taken for another digit.
    (ours,), (by_hand,) = figures["adam"]["martlet"], figures["adam"]["right"]
    assert ours == pytest.approx(by_hand, abs=0.01)
    for label, (run, *_) in figures["pytorch"]["networks"].items():
        assert run["accuracies"]["martlet"] == pytest.approx(run["accuracies"]["torch"], abs=0.01)
        (calm, *_) = figures["divergence"][label]["0.1"]
        assert calm["martlet"] == pytest.approx(calm["torch"], rel=1e-3)
    # The rate 10 throws the deepest network: with He's weights beyond float32, with small ones until units die.
    (flight, *_) = figures["divergence"]["784-360-100-40-10"]["10.0"]
    assert flight["martlet"][-1] is None and flight["torch"][-1] is None
    (summed,) = figures["averaged"]["784-360-100-40-10"]["summed"]
    last, first = summed["layers"]["hidden_3"], summed["layers"]["hidden_1"]
    assert last["dead_share"][-1] == 1 and first["gradient_norm"][-1] == 0


def n_layer_net(figures):
    for run in figures["rules"]["SGD"]["runs"] + figures["regularization"]["strong"]["runs"]:
        assert run["batches"] == 62
        for loss, *parts in zip(run["loss"], run["data_loss"], run["regularization_loss"]):
            assert loss == pytest.approx(sum(parts), rel=1e-5)
    assert figures["rules"]["gradient_descent"]["runs"][0]["batches"] == 1
    assert figures["regularization"]["none"]["regularization_loss"] == 0
    assert figures["regularization"]["weak"]["regularization_loss"] > 0
    small, large = figures["full_batch"]["rows"][:2]
    assert small["training_bytes"] < large["training_bytes"] and 0 < small["risen_bytes"] < large["risen_bytes"]
    walks = figures["two_weights"]
    assert min(walks["SGD"]["turns"], walks["gradient_descent"]["turns"]) > 0.5
    assert max(walks["momentum"]["turns"], walks["Adam"]["turns"]) < 0.5
    # Exact gradients never turn back below the rate 1 / curvature, and move away above 2 / curvature.
    assert walks["gradient_descent"]["turns_slower"] == 0 and walks["curvatures"][0] < 1 / 0.5
    assert walks["gradient_descent"]["rate"] < 2 / walks["curvatures"][0]
    assert max(walks["momentum"]["loss"], walks["Adam"]["loss"]) < walks["SGD"]["loss"] < walks["start_loss"]
    assert figures["clock"]["epoch_seconds"] > 0


# What must hold even in a short form: report -> function of its figures, {experiment: {figure: value}}.
HOLDS = {
    "beyond": beyond,
    "cifar10_layers": cifar10_layers,
    "cifar10_two_layer_net": cifar10_two_layer_net,
    "fashion_mnist": fashion_mnist,
    "mnist_from_scratch": mnist_from_scratch,
    "n_layer_net": n_layer_net,
}


def pictures_of(page, folder):
    """The names of the pictures in a page, all of which are PNG files in `folder`."""
    names = re.findall(r"!\[[^]]+\]\((pictures/[^)]+)\)", page)
    assert names and all((folder / name).read_bytes().startswith(b"\x89PNG") for name in names)
    return names


def results_of(folder, name):
    return {path.stem: json.loads(path.read_text()) for path in (folder / "results" / name).glob("*.json")}


def test_reports_are_known():
    """Each report has its program, something that must hold in its short form, and a line in the index for its page, of
    which the figures in the last column are."""
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert NAMES == sorted(HOLDS)
    for name in NAMES:
        page = FOLDER / f"{name}.md"
        lines = [line for line in index.splitlines() if f"({name}.md)" in line]
        assert (FOLDER / f"{name}.py").is_file() and len(lines) == page.is_file()
        for line in lines:
            figures = re.findall(r"\d+\.\d+ ?%", line.split("|")[-2])
            assert figures and all(figure in page.read_text(encoding="utf-8") for figure in figures), line


@pytest.mark.parametrize("name", NAMES)
def test_short_form(run_python, real_data, tmp_path, name):
    # A second thread of OpenBLAS is no help with batches of 100 rows, and where others compute, too, it is waited for.
    environment = {"MARTLET_DATA": str(real_data), "OPENBLAS_NUM_THREADS": "1"}
    done = run_python(FOLDER / f"{name}.py", "--short", "--output", tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / f"{name}.md").read_text(encoding="utf-8")
    assert not re.findall(r"\{\w+(?:\.\w+)*(?::[^}]*)?\}", page), "fields of the template are left"
    pictures_of(page, tmp_path)
    HOLDS[name](results_of(tmp_path, name))


def test_short_form_does_not_replace_the_page(run_python):
    """However the folder of the pages is written."""
    for folder in (FOLDER, f"{FOLDER}/", os.path.relpath(FOLDER)):
        done = run_python(FOLDER / "n_layer_net.py", "--short", "--only", "rules", "--output", folder)
        assert done.returncode == 2 and "--short needs --output" in done.stderr


def test_an_experiment_that_builds_on_another_names_it(run_python, tmp_path):
    done = run_python(FOLDER / "mnist_from_scratch.py", "--short", "--only", "clock", "--output", tmp_path)
    assert done.returncode == 1 and "run --only best first" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_page_follows_from_figures(run_python, tmp_path, name):
    """The committed page is the template filled with the committed figures, which show all that it claims.

    There is no page only as long as figures are missing, of trainings that take many hours.
    """
    shutil.copytree(FOLDER / "results" / name, tmp_path / "results" / name)
    done = run_python(FOLDER / f"{name}.py", "--only", "--output", tmp_path)
    if not (FOLDER / f"{name}.md").exists():
        assert done.returncode == 1 and "these experiments have not run" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    page = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert page == (tmp_path / f"{name}.md").read_text(encoding="utf-8")
    assert {FOLDER / picture for picture in pictures_of(page, FOLDER)} == set(FOLDER.glob(f"pictures/{name}-*"))


def test_neighbours_vote_as_in_scikit_learn(monkeypatch):
    """With up to 20 votes for ten classes there are often two classes that have as many."""
    monkeypatch.syspath_prepend(str(FOLDER))
    from neighbours import Neighbours, flat
    from sklearn.neighbors import KNeighborsClassifier

    random = np.random.default_rng(1)
    x, y = random.integers(0, 256, (300, 2, 2, 3), np.uint8), random.integers(0, 10, 300)
    training = Neighbours(x[:200], y[:200], 20)
    tried = range(1, 21)
    found = training.accuracies(training.nearest(x[200:]), y[200:], tried)
    for k, accuracy in zip(tried, found):
        theirs = KNeighborsClassifier(k, algorithm="brute").fit(flat(x[:200]), y[:200])
        assert accuracy == pytest.approx(theirs.score(flat(x[200:]), y[200:]), abs=1e-12)


def test_missing_package_keeps_committed_figures(run_python, tmp_path):
    """Where PyTorch is not installed, its experiments say so, and the page has the committed figures."""
    committed = FOLDER / "results" / "mnist_from_scratch"
    output, packages = tmp_path / "out", tmp_path / "packages"
    shutil.copytree(committed, output / "results" / committed.name)
    (output / "results" / committed.name / "pytorch.json").unlink()
    packages.mkdir()
    (packages / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\")")
    program = FOLDER / "mnist_from_scratch.py"
    path = os.pathsep.join(map(str, (packages, PACKAGE)))
    done = run_python(program, "--only", "pytorch", "--output", output, PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    assert "pytorch: not run" in done.stdout and "No module named 'torch'" in done.stdout
    kept = output / "results" / committed.name / "pytorch.json"
    assert kept.read_text() == (committed / "pytorch.json").read_text()
