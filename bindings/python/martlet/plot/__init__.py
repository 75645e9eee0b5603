"""Pictures of trainings for papers and reports. Needs matplotlib (extra `plot`).

    from martlet import plot

    plot.plot_history(model.fit(...), "history.png")        # curves, the gap of overfitting, the best epoch
    plot.plot_runs({"SGD": first, "Adam": second}, "runs.png", metric="val_accuracy")
    plot.plot_sweep([0.01, 0.1, 1], {"ReLU": accuracies}, "sweep.png", xlabel="learning rate")
    plot.plot_templates(layer.get_weights()[0], (28, 28), "templates.png")
    plot.plot_confusion(y_test, model.predict(x_test), mnist.CLASS_NAMES, "confusion.png")
    plot.plot_layer_statistics(watch.history, "layers.png")  # of callbacks.LayerStatistics

Each returns matplotlib's Figure, which can be changed before `save(figure, path)`; with a path it is saved at once, as
PNG, PDF or SVG by the ending. Same figures, same matplotlib, same bytes. Colours are those of Okabe and Ito, told apart
with any colour vision, and curves differ in their line style, too, for print in grey. What cannot be drawn is a
ValueError that names it.
"""

from ._style import save
from .confusion import plot_confusion
from .history import plot_history
from .layers import plot_layer_statistics
from .runs import plot_runs
from .sweep import plot_sweep
from .templates import plot_templates

__all__ = [
    "plot_confusion",
    "plot_history",
    "plot_layer_statistics",
    "plot_runs",
    "plot_sweep",
    "plot_templates",
    "save",
]
