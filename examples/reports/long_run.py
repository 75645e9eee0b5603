"""A training that goes on where it stopped: ended at any time, it loses at most the epochs since its last checkpoint.

A checkpoint is the model's file, which holds weights, optimiser, position of the shuffling and history, so that the
weights at the end are the same bits as those of a training that nothing interrupted.
"""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from martlet import Dataset, Model


class LongRun:
    """One training and its files: NAME.h5 the checkpoint, NAME-EPOCH.h5 the model after an epoch that is to be kept,
    and NAME.json the processor seconds, which no model's file has.

    every: epochs from one checkpoint to the next.
    """

    def __init__(self, folder: Path, name: str, every: int = 50) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._name, self._every = folder, name, every
        self._checkpoint = folder / f"{name}.h5"
        self._times = folder / f"{name}.json"

    def train(
        self, begin: Callable[[], Model], training: Dataset, validation: Dataset, batch_size: int, keep: Sequence[int]
    ) -> Model:
        """Train to the last epoch of `keep`, from the checkpoint if there is one. begin: makes the compiled model."""
        model = begin()
        if self._checkpoint.exists():
            model.load_weights(self._checkpoint)
            model.trainer().load_state(self._checkpoint)
        done = model.trainer().epochs_done
        while done < max(keep):
            start = time.process_time()
            pause = min(epoch for epoch in (done - done % self._every + self._every, *keep) if epoch > done)
            model.fit(training, batch_size=batch_size, epochs=pause - done, validation_data=validation, verbose=0)
            # The checkpoint comes last: with it everything that belongs to its epoch is there.
            self._keep_seconds(pause, self.seconds(done) + time.process_time() - start)
            if pause in keep:
                model.save(self.kept(pause))
            model.save(self._checkpoint)
            done = pause
        return model

    def kept(self, epoch: int) -> Path:
        """The file of the model after an epoch of `keep`."""
        return self._folder / f"{self._name}-{epoch}.h5"

    def forget(self, keep: Sequence[int]) -> None:
        """Remove the files, once all that is wanted of the training has been read: the next one begins anew."""
        for path in (self._checkpoint, self._times, *map(self.kept, keep)):
            path.unlink(missing_ok=True)

    def seconds(self, epoch: int) -> float:
        """Processor time of the epochs up to one that ended with a checkpoint."""
        return self._all_seconds().get(str(epoch), 0.0)

    def _all_seconds(self) -> dict[str, float]:
        return json.loads(self._times.read_text(encoding="utf-8")) if self._times.exists() else {}

    def _keep_seconds(self, epoch: int, seconds: float) -> None:
        new = self._times.with_suffix(".new")
        new.write_text(json.dumps({**self._all_seconds(), str(epoch): seconds}), encoding="utf-8")
        new.replace(self._times)
