"""Makes scipy.json: what SciPy says of some counts. python3 make.py > scipy.json

Nothing of this crate is used: the statistic and the e-process are computed here from their
definitions, by SciPy's distributions.
"""

import json

import numpy as np
import scipy
from scipy import stats

RATIOS = [1.5, 2.0, 3.0, 5.0, 10.0]
rng = np.random.default_rng(20261126)


def permutation(canary, control):
    """canary, control: arrays of (requests, bad) by slice."""
    cells = np.concatenate([canary, control])
    rate = cells[:, 1].sum() / cells[:, 0].sum()
    scores = np.sqrt(cells[:, 1] + 0.375) - np.sqrt(rate * cells[:, 0] + 0.375)
    return stats.permutation_test(
        (scores[:16], scores[16:]),
        lambda a, b, axis: a.sum(axis=axis) - b.sum(axis=axis),
        permutation_type="independent",
        vectorized=True,
        alternative="greater",
        n_resamples=200_000,
        batch=10_000,
        rng=rng,
    ).pvalue


def mixture(windows, effect):
    likelihoods = []
    for ratio in RATIOS:
        log = 0.0
        for (nc, kc), (nd, kd) in windows:
            q = ratio * nc / (ratio * nc + nd)
            q0 = 1.1 * nc / (1.1 * nc + nd)
            log += stats.binom.logpmf(kc, kc + kd, q) - stats.binom.logpmf(kc, kc + kd, q0)
        likelihoods.append(np.exp(log / effect))
    return float(np.mean(likelihoods))


def arms(rate, ratio, requests, spread):
    def arm(times):
        users = rng.gamma(1 / spread, spread, 16) if spread else np.ones(16)
        sent = rng.poisson(requests * rng.uniform(0.5, 1.5, 16)) + 1
        bad = np.minimum(rng.poisson(sent * rate * times * users), sent)
        return np.stack([sent, bad], axis=1)

    return arm(ratio), arm(1.0)


permutations = []
for rate, ratio, requests, spread in [
    (0.01, 1.0, 1000, 0), (0.01, 1.5, 1000, 0), (0.005, 2.0, 500, 0), (0.005, 4.0, 200, 0),
    (0.02, 1.2, 5000, 0.1), (0.02, 1.0, 5000, 1.0), (0.1, 1.3, 300, 0.5), (0.3, 0.8, 50, 0.1),
]:
    canary, control = arms(rate, ratio, requests, spread)
    permutations.append({
        "canary": canary.tolist(), "control": control.tolist(), "p": permutation(canary, control),
    })

mixtures = []
for windows in [
    [[[1000, 12], [1000, 5]]],
    [[[50, 2], [950, 5]], [[100, 6], [900, 4]]],
    [[[500, 9], [500, 2]], [[700, 11], [650, 4]], [[20, 1], [4000, 31]]],
    [[[1000, 40], [1000, 12]]],
]:
    for effect in [1.0, 4.0]:
        mixtures.append({"windows": windows, "effect": effect, "value": mixture(windows, effect)})

print(json.dumps({"scipy": scipy.__version__, "permutations": permutations, "mixtures": mixtures}))
