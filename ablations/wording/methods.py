"""How the numbers came about: for the page's reader (``method``) and for a paper (``methods``).
Pure.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ablations.wording.robustness import under_noise
from evidence.numbers import MINUS, listed, margin_words

Tree = Mapping[str, Any]
REFERENCES = {
    "Demsar 2006": "J. Demsar. Statistical comparisons of classifiers over multiple data sets. "
    "Journal of Machine Learning Research 7, 1-30, 2006.",
    "Efron 1987": "B. Efron. Better bootstrap confidence intervals. Journal of the American "
    "Statistical Association 82(397), 171-185, 1987.",
    "Fieller 1954": "E. C. Fieller. Some problems in interval estimation. Journal of the Royal "
    "Statistical Society B 16(2), 175-185, 1954.",
    "Hesterberg 2015": "T. C. Hesterberg. What teachers should know about the bootstrap: "
    "resampling in the undergraduate statistics curriculum. The American Statistician 69(4), "
    "371-386, 2015.",
    "Friedman 1937": "M. Friedman. The use of ranks to avoid the assumption of normality implicit "
    "in the analysis of variance. Journal of the American Statistical Association 32(200), "
    "675-701, 1937.",
    "Holm 1979": "S. Holm. A simple sequentially rejective multiple test procedure. Scandinavian "
    "Journal of Statistics 6(2), 65-70, 1979.",
    "Iman and Davenport 1980": "R. L. Iman and J. M. Davenport. Approximations of the critical "
    "region of the Friedman statistic. Communications in Statistics 9(6), 571-595, 1980.",
    "Maurer and Bretz 2013": "W. Maurer and F. Bretz. Multiple testing in group sequential trials "
    "using graphical approaches. Statistics in Biopharmaceutical Research 5(4), 311-320, 2013.",
    "McNemar 1947": "Q. McNemar. Note on the sampling error of the difference between correlated "
    "proportions or percentages. Psychometrika 12(2), 153-157, 1947.",
    "Nadeau and Bengio 2003": "C. Nadeau and Y. Bengio. Inference for the generalization error. "
    "Machine Learning 52(3), 239-281, 2003.",
    "Nemenyi 1963": "P. B. Nemenyi. Distribution-free multiple comparisons. PhD thesis, Princeton "
    "University, 1963.",
    "Owen 2007": "A. B. Owen. The pigeonhole bootstrap. Annals of Applied Statistics 1(2), "
    "386-411, 2007.",
    "Schuirmann 1987": "D. J. Schuirmann. A comparison of the two one-sided tests procedure and "
    "the power approach for assessing the equivalence of average bioavailability. Journal of "
    "Pharmacokinetics and Biopharmaceutics 15(6), 657-680, 1987.",
    "Shaffer 1986": "J. P. Shaffer. Modified sequentially rejective multiple test procedures. "
    "Journal of the American Statistical Association 81(395), 826-831, 1986.",
    "Shapley 1953": "L. S. Shapley. A value for n-person games. Contributions to the Theory of "
    "Games II, 307-317. Princeton University Press, 1953.",
    "Taori et al. 2020": "R. Taori, A. Dave, V. Shankar, N. Carlini, B. Recht and L. Schmidt. "
    "Measuring robustness to natural distribution shifts in image classification. NeurIPS 2020.",
    "Wang and Tsiatis 1987": "S. K. Wang and A. A. Tsiatis. Approximately optimal one-parameter "
    "boundaries for group sequential trials. Biometrics 43(1), 193-199, 1987.",
    "Wilcoxon 1945": "F. Wilcoxon. Individual comparisons by ranking methods. Biometrics Bulletin "
    "1(6), 80-83, 1945.",
    "Zhang et al. 2023": "Q. Zhang, H. Wu, C. Zhang, Q. Hu, H. Fu, J. T. Zhou and X. Peng. "
    "Provable dynamic fusion for low-quality multimodal data. ICML 2023.",
}


def method(summary: Tree) -> list[str]:
    """How the numbers came about, what they do not cover, and what of CAL is published."""
    level = 100 * summary["level"]
    split = summary.get("split") or {}
    interval = split.get("interval", "paired t")
    return [
        "All arms of a regime share their seeds; a seed fixes the split into training, probe and "
        "selection part, the initialisation and the order of the data. "
        f"{_tested(summary)} Every run is evaluated clean and corrupted; arms of one seed see the "
        "same inputs.",
        "Differences are paired by seed: the mean of the n differences and its "
        f"{level:g} % {interval} interval with n {MINUS} 1 degrees of freedom. "
        f"{(split['why'].rstrip('.') + '. ') if split.get('why') else ''}"
        "The interval speaks of other seeds on these test samples; the error of having these "
        "samples and no others is not in it"
        f"{', but in the two-way bootstrap' if _any_effect(summary, 'two_way') else ''}. "
        "A seed that only one of two arms finished is dropped from their pairs.",
        _multiplicity(summary),
        _robust(summary),
        "What is published of CAL is its abstract (arXiv 2510.26289): a Shapley-inspired "
        "contribution metric with confidence, acceleration of high contributors, an asymmetric "
        "information bottleneck on low ones; every formula, temperature and hyperparameter beyond "
        "that is our declared choice, a named field of the configuration.",
    ]


def _multiplicity(summary: Tree) -> str:
    declared = sum(len(regime["contrasts"]) for regime in summary["regimes"].values())
    count, found = summary["intervals"]["count"], summary["intervals"]["excluding_0"]
    family = summary.get("family") or {}
    chance = (1 - summary["level"]) * count
    alone = (
        f"The study declares {declared} contrasts over its regimes, which have {count} intervals, "
        f"not corrected for their number: if nothing had an effect, about {chance:.1f} would "
        f"exclude 0 by chance; {found} do. Primary contrasts are declared in the study file, "
        f"{_declared(family)}; all others are exploratory: hints to be confirmed on fresh seeds. "
    )
    if not family.get("size"):
        return alone + ("Undecided says that the interval holds 0, never that there is no effect.")
    margin = summary.get("margin")
    within = f" ({margin_words(margin)})" if margin else ""
    return alone + (
        f"The verdicts of primary contrasts are corrected: a family of {family['size']} "
        f"comparisons ({family.get('scope', 'all primary contrasts')}), "
        f"{family.get('procedure', 'Holm')}. Each is asked twice, whether it differs from 0 and "
        f"whether it is smaller than the margin{within}, so a verdict is helps, hurts, no effect "
        "larger than the margin, or undecided, which never says that there is no effect."
    )


def _declared(family: Tree) -> str:
    changes = family.get("revisions")
    if changes:
        return f"but changed once results were there ({'; '.join(changes)})"
    return "and the ledger knows of no change since the first report"


def _robust(summary: Tree) -> str:
    variants = [v for regime in summary["regimes"].values() for v in regime["variants"].values()]
    if not any(variant["robust"]["n"] for variant in variants):
        return "Robust accuracy was not measured (evaluate.noise: none)."
    return (
        "Robust is the mean of four groups: Gaussian noise (.5, 1 and 2 standard deviations) on "
        "one modality, Gaussian noise on a random half of the modalities, salt and pepper (10 and "
        "30 %) on all, one modality missing."
    )


def methods(summary: Tree) -> list[str]:
    """Paragraphs for a paper's methods section, each method cited; only what was used is named."""
    paragraphs = [_design(summary), _comparison(summary), _family(summary), _checks(summary)]
    paragraphs += [_attribution(summary), under_noise(summary), _tuning(summary)]
    paragraphs.append(_ranked(summary))
    return [text for text in paragraphs if text]


def _design(summary: Tree) -> str:
    regimes = summary["regimes"]
    seeds = sorted({len(regime["seeds"]) for regime in regimes.values()})
    kinds = {
        "factorial": "a full factorial design",
        "fractional": "a fractional factorial design",
        "leave-one-out": "a leave-one-out design",
        "add-one-in": "an add-one-in design",
    }
    kind = kinds.get((summary.get("design") or {}).get("kind", ""), "")
    design = f" in {kind} over {listed(summary['factors'])}" if kind and summary["factors"] else ""
    runs = summary["runs"]
    return (
        f"We compared {len(summary['arms'])} configurations{design} on {len(regimes)} data "
        f"regime{'s' if len(regimes) > 1 else ''} with "
        f"{' to '.join(str(n) for n in dict.fromkeys((seeds[0], seeds[-1])))} seeds each "
        f"({runs['distinct']} distinct runs, {runs['failed']} of which failed). Configurations of "
        "one seed share the split, the initialisation of their common parts, the order of the "
        f"data and the corrupted test inputs. {_tested(summary)}"
    )


def _tested(summary: Tree) -> str:
    """What runs are tested on, and at which epoch."""
    part = "Test samples are a fixed report part that no run trained on"
    if (summary.get("split") or {}).get("kind") == "resampled":
        part = "Each seed has test samples of its own that its runs did not train on"
    if "test-best" in (summary.get("selection") or ()):
        return (
            f"{part}; in runs with selection test-best the epoch was chosen on these test "
            "samples, which makes accuracies too high."
        )
    return f"{part} and nothing was selected on; the last epoch is evaluated."


def _comparison(summary: Tree) -> str:
    level = f"{100 * summary['level']:g} %"
    interval = (summary.get("split") or {}).get("interval", "paired t")
    text = f"Differences between configurations are paired by seed and given with {level} "
    if interval == "corrected resampled t":
        text += "intervals of the corrected resampled t test (Nadeau and Bengio 2003), because "
        text += "training and test samples are redrawn together."
    else:
        text += "intervals of the paired t test."
    if summary.get("margin"):
        text += (
            f" Equivalence within {margin_words(summary['margin'])} of accuracy was tested by two "
            "one-sided tests (Schuirmann 1987)."
        )
    return text


def _family(summary: Tree) -> str:
    family = summary.get("family") or {}
    if not family.get("size"):
        return ""
    alpha = 100 * summary.get("alpha", 1 - summary["level"])
    text = (
        f"Over the {family['size']} primary comparisons both questions of each, difference and "
        f"equivalence, were corrected by a step-down procedure (Holm 1979) that uses that at most "
        f"one of a comparison's two null hypotheses is true (Shaffer 1986), with a family-wise "
        f"error rate of {alpha:g} %; other comparisons are exploratory."
    )
    if family.get("revisions"):
        text += (
            " That rate does not cover what was declared anew once results were there: "
            f"{'; '.join(family['revisions'])}."
        )
    sequential = summary.get("sequential")
    if sequential:
        text += (
            f" Seeds were added in blocks of {sequential.get('block', '?')} up to "
            f"{sequential.get('max_seeds', '?')}, with a Wang-Tsiatis boundary (Wang and Tsiatis "
            "1987) over the looks planned before the first; sequential p-values entered the "
            "step-down procedure (Maurer and Bretz 2013)."
        )
    return text


def _checks(summary: Tree) -> str:
    names = {
        "bca": "bias-corrected accelerated bootstrap intervals (Efron 1987)",
        "p_permutation": "sign-flip permutation tests",
        "p_wilcoxon": "Wilcoxon's signed-rank test (Wilcoxon 1945)",
        "two_way": "a two-way bootstrap over seeds and test samples (Owen 2007)",
        "mcnemar": "McNemar's test on the test samples of each seed (McNemar 1947)",
    }
    used = [text for key, text in names.items() if _any_effect(summary, key)]
    if not used:
        return ""
    return f"As checks that decide no verdict we report {listed(used)}."


def _attribution(summary: Tree) -> str:
    tables = [t for r in summary["regimes"].values() for t in (r.get("factorial") or {}).values()]
    if not any(table and table.get("main") for table in tables):
        return ""
    text = "Main effects and interactions are contrasts of the factorial's cells, by seed"
    if any(table and table.get("shapley") for table in tables):
        text += (
            "; the whole gain is divided over the mechanisms by their Shapley values (Shapley "
            "1953), which sum to it in every seed"
        )
    return text + "."


def _tuning(summary: Tree) -> str:
    found = [r["tuning"] for r in summary["regimes"].values() if r.get("tuning")]
    if not found:
        return ""
    first = found[0]
    return (
        f"For the comparison of each arm at its best, every arm got its own search with the same "
        f"sampler ({first.get('sampler', 'not named')}), {first.get('trials', '?')} trials of "
        f"{_count(first.get('seeds'))} seeds and the same training budget, over the nuisance "
        "hyperparameters it has, selected on the selection split; then it was trained on fresh "
        "seeds and evaluated on the report part. Each arm had one search, whose luck is not in the "
        "intervals."
    )


def _ranked(summary: Tree) -> str:
    boards = (summary.get("leader_board") or {}).get("boards") or ()
    if not boards:
        return ""
    alpha = f"{100 * summary['alpha']:g} %"
    over = [tree for board in boards for tree in board["over_regimes"].values() if tree]
    text = (
        "Methods were ranked within each seed of a regime, with Friedman's test (Friedman 1937), "
        "its F form (Iman and Davenport 1980) and critical differences of mean ranks (Nemenyi "
        "1963). Methods are grouped by paired t tests over seeds, corrected "
        f"for all pairs of a regime and condition (Holm 1979) at {alpha}; seeds share their test "
        "samples, so groups speak of other seeds, not of other data sets."
    )
    if any("critical_difference" in tree for tree in over):
        text += " Over regimes the same was done with regimes as blocks (Demsar 2006)."
    return text


def _count(seeds: Any) -> str:
    return str(len(seeds)) if isinstance(seeds, list | tuple) else str(seeds)


def cited(paragraphs: list[str]) -> dict[str, str]:
    """The references that paragraphs name, in the order of the alphabet."""
    text = " ".join(paragraphs)
    return {key: full for key, full in REFERENCES.items() if key in text}


def _any_effect(summary: Tree, key: str) -> bool:
    return any(effect.get(key) is not None for effect in _effects(summary))


def _effects(summary: Tree) -> Iterator[Tree]:
    for regime in summary["regimes"].values():
        for contrast in regime["contrasts"]:
            yield from (contrast["clean"], contrast["robust"])
