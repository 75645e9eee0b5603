"""Who is compared. Each module here has a class Peer(variant, threads), which the process of worker.py makes:

    version                             of the libraries that compute, one line
    training(workload, steps) -> (losses, run)
        losses: of `steps` steps on the first batch, each before its update. run(count): `count` more steps, batches in
        order, each sliced from the rows in memory; it returns when the last step is done.
    predict(workload, rows) -> (probabilities, run)
        probabilities: of the first row. run(count): `count` predictions of the same `rows` rows, each as an array that
        a program can read.
    gemm(operation, m, n, k) -> (values, run)
        workloads.product_values of the product of workloads.operands; run(count): the product `count` times.

    convolution(operation, shape) -> (values, run)
        The same of images.Convolution: Y, or the gradient by the windows or by the images, [N, H, W, C] in order.

Workloads are those of workloads.py, and of images.py where the kinds of an entry say so. A method that a peer does not
have is a kind of measurement that it does not take part in. The values are compared with those of by_numpy or models.py
in double before anything is timed.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Entry:
    """A peer's name in the tables, its module, what that is asked to be, the environment of its process, and the kinds
    of comparison that it takes part in."""

    name: str
    module: str
    variant: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    kinds: tuple[str, ...] = ("training", "predict")


TENSORFLOW = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2"}
WITH_IMAGES = ("training", "predict", "images")

ENTRIES = [
    Entry("martlet-python", "martlet_python", kinds=WITH_IMAGES),
    Entry("torch", "pytorch", "eager", kinds=(*WITH_IMAGES, "convolution")),
    Entry("torch-compile", "pytorch", "compile", kinds=WITH_IMAGES),
    Entry("jax", "jax_by_hand", "step"),
    Entry("jax-scan", "jax_by_hand", "scan", kinds=("training",)),
    Entry("keras-jax", "keras_layers", "jit", environment={"KERAS_BACKEND": "jax"}, kinds=WITH_IMAGES),
    Entry("keras-tensorflow", "keras_layers", "graph", environment=TENSORFLOW, kinds=WITH_IMAGES),
    Entry("keras-tensorflow-jit", "keras_layers", "jit", environment=TENSORFLOW, kinds=WITH_IMAGES),
    Entry("numpy", "by_numpy"),
    Entry("sklearn", "scikit_learn"),
    Entry("torch.mm", "pytorch", "mm", kinds=("gemm",)),
    Entry("torch-onednn", "pytorch", "onednn", kinds=("gemm",)),
    Entry("jax.dot", "jax_by_hand", "step", kinds=("gemm",)),
    Entry("numpy.dot", "by_numpy", kinds=("gemm",)),
    Entry("onednn-system", "system_library", "dnnl", kinds=("gemm",)),
    Entry("openblas-system", "system_library", "openblas", kinds=("gemm",)),
]
