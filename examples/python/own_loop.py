"""A loop and a loss of one's own: Huber's loss, with its gradient given to the library, and the gradients clipped.

    python own_loop.py

Fits y = sin(3 x) from points of which some are far off; Huber's loss, linear beyond DELTA, does not chase them.
"""

import numpy as np

import martlet

DELTA = 0.5
MAX_NORM = 1.0
ROWS, STEPS = 64, 2000

random = np.random.default_rng(0)
x = random.uniform(-1, 1, (512, 1)).astype(np.float32)
truth = np.sin(3 * x)
y = truth + np.where(random.random(x.shape) < 0.05, 5, 0)

model = martlet.Sequential(
    [martlet.Input((1,)), martlet.layers.Dense(32, "tanh", name="hidden"), martlet.layers.Dense(1, name="output")], seed=1
)
model.compile(martlet.optimizers.Adam(0.01), loss=None)  # the loss is ours
trainer = model.make_trainer()

for step in range(STEPS):
    rows = random.integers(0, len(x), ROWS)
    error = trainer.forward(x[rows]) - y[rows]
    huber = np.where(np.abs(error) <= DELTA, error**2 / 2, DELTA * (np.abs(error) - DELTA / 2))
    trainer.backward(np.clip(error, -DELTA, DELTA) / ROWS)  # dL/dy of the mean over the rows

    weights = [(layer.name, weight) for layer in model.layers for weight in layer.weight_names]
    gradients = [trainer.gradient(*weight) for weight in weights]
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
    if norm > MAX_NORM:
        for weight, gradient in zip(weights, gradients):
            trainer.set_gradient(*weight, gradient * (MAX_NORM / norm))
    trainer.apply()
    if (step + 1) % 500 == 0:
        print(f"step {step + 1}: Huber loss {huber.mean():.4f}, gradient norm {norm:.3f}")

print(f"root mean square distance from the truth: {np.sqrt(np.mean((model.predict(x) - truth) ** 2)):.3f}")
