"""How often the gate's comparisons refuse, by simulation, and what a whole gate costs.

A champion and a candidate answer 10,000 images; the disagreement is the share that exactly one of
them classifies correctly. ``decide`` is asked with the bounds of gate.yaml about CANDIDATES simulated
candidates, so that both comparisons, with the champion and with the best version ever promoted, share
the false alarms; the other rules have fixed bounds, and the candidates meet them. The champion is the
best version itself, or half a point below it, as releases that each got a little worse leave it: the
worst case for a candidate that is as good as the champion.

Real retrainings of the modern network (7 or 8 epochs, other seeds and hyperparameters; official test
set): six pairs of four disagree on 3.5 to 4.3 %.
"""

import json
import resource
import statistics
import subprocess
import sys
import time

import numpy as np
from numpy.typing import NDArray

from fmnist.core.fashion_mnist import CLASSES
from fmnist.errors import GateRefused
from fmnist.gate.corruptions import CORRUPTIONS
from fmnist.gate.evidence import Comparison
from fmnist.gate.measure import Measurement
from fmnist.gate.policy import Policy, read_policy
from fmnist.gate.rules import decide
from fmnist.gate.statistics import Estimate, detectable_loss
from fmnist.settings import PROJECT

Counts = NDArray[np.int64]

IMAGES = 10_000
CANDIDATES = 10_000
DISAGREEMENTS = (0.035, 0.043, 0.05, 0.06, 0.08)
LOSSES = (0.0, 0.007, 0.010)
GAPS = {"the best": 0.0, "0.5 below the best": 0.005}
RELEASES, SERIES, LOSS_PER_RELEASE = 20, 100, 0.003


def good() -> Measurement:
    """A candidate that keeps every fixed bound."""
    best = Estimate(1.0, None)
    return Measurement(
        golden_sample_differs=0,
        classes=CLASSES,
        unusable=0,
        images=IMAGES,
        commits_ahead=None,
        shared_images=0,
        synthetic=False,
        accuracy=best,
        macro_precision=best,
        macro_recall=best,
        macro_f1=best,
        recall=(best,) * len(CLASSES),
        calibration_error=Estimate(0.0, None),
        drops=(Estimate(0.0, None),) * len(CORRUPTIONS),
        translation_consistency=best,
        latency_ms=0.1,
        size_bytes=1,
    )


def drawn(
    random: np.random.Generator, disagreement: float, loss: float, gap: float, count: int
) -> tuple[Counts, Counts]:
    """Images lost and gained against the champion and against the best, each [count, 2].

    Any two of the three disagree equally often. The candidate is truly worse than the champion by
    ``loss``, the champion than the best by ``gap``. An image on which they disagree has one model
    that stands alone, right or wrong.
    """
    leans = (gap / 2, 0.0, -loss / 2)
    # Models that differ much in accuracy cannot disagree on less than that.
    quarter = max(disagreement / 4, *leans)
    chances = [quarter + sign * lean for lean in leans for sign in (1, -1)]
    columns = random.multinomial(IMAGES, [*chances, 1 - sum(chances)], size=count).T
    best_right, best_wrong, champion_right, champion_wrong, right, wrong = columns[:6]
    against_champion = np.stack([champion_right + wrong, right + champion_wrong], axis=1)
    return against_champion, np.stack([best_right + wrong, right + best_wrong], axis=1)


class Gate:
    """``decide``, asked once for each pair of counts."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._good = good()
        self._passed: dict[tuple[int, ...], bool] = {}

    def passes(self, champion: tuple[int, int], best: tuple[int, int]) -> bool:
        key = (*champion, *best)
        if key not in self._passed:
            one, other = (Comparison(1, 0.92, IMAGES, *counts, ()) for counts in (champion, best))
            self._passed[key] = decide(self._good, one, other, self._policy).passed
        return self._passed[key]

    def refused(self, champion: Counts, best: Counts) -> float:
        """The share of candidates that do not pass, 0-1."""
        rows = zip(champion.tolist(), best.tolist(), strict=True)
        return 1 - statistics.fmean(self.passes(tuple(one), tuple(other)) for one, other in rows)


def false_alarms_and_power(policy: Policy, random: np.random.Generator) -> None:
    """One line per disagreement and place of the champion."""
    gate = Gate(policy)
    print(
        f"refused of {CANDIDATES:,} candidates, in percent; champion.significance "
        f"{policy.champion.significance:g}, best.significance {policy.best.significance:g}, "
        f"best.margin {policy.best.margin:g}"
    )
    losses = "  ".join(f"{100 * loss:.1f} worse" if loss else "as good" for loss in LOSSES)
    print(f"{'disagreement':>12}  {'champion is':<19} {losses}  sees 85 % / 95 % of")
    for disagreement in DISAGREEMENTS:
        pairs = round(disagreement * IMAGES)
        seen = (
            100 * detectable_loss(pairs, 0, IMAGES, policy.champion.significance, power)
            for power in (0.85, 0.95)
        )
        for name, gap in GAPS.items():
            shares = (gate.refused(*drawn(random, disagreement, loss, gap, CANDIDATES)) for loss in LOSSES)
            row = "  ".join(f"{100 * share:9.1f}" for share in shares)
            print(
                f"{100 * disagreement:10.1f} %  {name:<18} {row}  "
                + (" / ".join(f"{loss:.2f}" for loss in seen) + " points" if not gap else "")
            )


def ratchet(policy: Policy, random: np.random.Generator) -> None:
    """Releases that are each a little worse than the one that serves."""
    alone = policy.model_copy(update={"best": policy.best.model_copy(update={"margin": 1.0})})
    print(
        f"\n{RELEASES} releases, each truly {100 * LOSS_PER_RELEASE:.1f} points worse than the champion, "
        f"lose in {SERIES} series (disagreement 4.3 %):"
    )
    for name, gate in (("champion's rule alone", Gate(alone)), ("both rules", Gate(policy))):
        lost = []
        for _ in range(SERIES):
            gap = 0.0
            for _ in range(RELEASES):
                ((champion,), (best,)) = drawn(random, 0.043, LOSS_PER_RELEASE, gap, 1)
                if gate.passes(tuple(champion.tolist()), tuple(best.tolist())):
                    gap += LOSS_PER_RELEASE
            lost.append(100 * gap)
        print(f"  {name:<22} {statistics.fmean(lost):.2f} points on average, {max(lost):.2f} at most")


def cost() -> None:
    """A whole gate on the latest version, as a process of its own."""
    command = [sys.executable, "-m", "fmnist.cli.main", "gate", "--json"]
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.run(command, capture_output=True, text=True)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode not in (0, GateRefused.exit_code):
        print(f"\nno whole gate to time: {process.stderr.strip().splitlines()[-1]}")
        return
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    document = json.loads(process.stdout)
    images = next(rule for rule in document["rules"] if rule["name"] == "test images")
    earlier = len({document["champion"], document["best"]} - {None})
    print(
        f"\na whole gate on {images['measured']:,} images, against {earlier} earlier version(s): "
        f"{seconds:.1f} s ({busy:.1f} s of processor time), {after.ru_maxrss / 1024:.0f} MiB at most"
    )


def main() -> None:
    """Print all."""
    policy = read_policy(PROJECT / "gate.yaml")
    random = np.random.default_rng(1)
    false_alarms_and_power(policy, random)
    ratchet(policy, random)
    cost()


if __name__ == "__main__":
    main()
