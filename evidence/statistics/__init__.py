"""What the numbers say: effects, intervals, verdicts. Pure; numpy and scipy only.

``paired`` two arms over seeds, ``resampling`` bootstrap and permutation, ``decisions`` p-values to
verdicts over a family, ``sequential`` several looks, ``factorial`` what each factor contributes,
``regimes`` one effect over data sets, ``robustness`` accuracy as noise grows, ``ranks`` many
methods at once, ``power`` how many seeds. docs/simulation.md has error and coverage of what decides
a verdict, as used.
"""

from evidence.statistics.arrays import LEVEL, Array, Values, without_spread
from evidence.statistics.decisions import (
    difference_p,
    equivalence_p,
    interval_verdict,
    step_down,
    tost_p,
    unanimous_p,
    verdict,
    verdicts,
)
from evidence.statistics.factorial import effects, orthogonal, shapley
from evidence.statistics.paired import (
    EffectSize,
    Improvement,
    Paired,
    Sample,
    corrected_interval,
    describe,
    effect_size,
    improvement,
    mean_interval,
    paired,
    paired_by_seed,
    wilcoxon_p,
)
from evidence.statistics.power import minimum_detectable, power_of, seeds_needed
from evidence.statistics.ranks import (
    Friedman,
    critical_difference,
    friedman,
    friedman_p,
    groups,
    holm,
    pairwise,
    ranks,
)
from evidence.statistics.regimes import OverRegimes, Refusal, over_regimes
from evidence.statistics.resampling import McNemar, bca, mcnemar, permutation_p, two_way
from evidence.statistics.robustness import (
    BASELINES,
    Crossing,
    Effective,
    crossing,
    effective_robustness,
    relative_robustness,
)
from evidence.statistics.sequential import (
    boundary,
    critical_constant,
    crossing_probability,
    reached_constant,
    sequential_p,
    shares,
)

__all__ = [
    "BASELINES",
    "LEVEL",
    "Array",
    "Crossing",
    "EffectSize",
    "Effective",
    "Friedman",
    "Improvement",
    "McNemar",
    "OverRegimes",
    "Paired",
    "Refusal",
    "Sample",
    "Values",
    "bca",
    "boundary",
    "corrected_interval",
    "critical_constant",
    "crossing",
    "critical_difference",
    "crossing_probability",
    "describe",
    "difference_p",
    "effect_size",
    "effective_robustness",
    "effects",
    "equivalence_p",
    "friedman",
    "friedman_p",
    "groups",
    "holm",
    "improvement",
    "interval_verdict",
    "mcnemar",
    "mean_interval",
    "minimum_detectable",
    "orthogonal",
    "over_regimes",
    "paired",
    "paired_by_seed",
    "pairwise",
    "permutation_p",
    "power_of",
    "ranks",
    "reached_constant",
    "relative_robustness",
    "seeds_needed",
    "sequential_p",
    "shapley",
    "shares",
    "step_down",
    "tost_p",
    "unanimous_p",
    "two_way",
    "verdict",
    "verdicts",
    "wilcoxon_p",
    "without_spread",
]
