"""How a search came to its numbers, with the literature of what it used alone. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from evidence.numbers import listed, margin_words
from search_spaces.switched_off import BEST, NEAR
from search_spaces.wording.figures import counts, sentence

Tree = Mapping[str, Any]
REFERENCES = {
    "Akiba 2019": "T. Akiba, S. Sano, T. Yanase, T. Ohta and M. Koyama. Optuna: a next-generation "
    "hyperparameter optimization framework. KDD, 2019.",
    "Bergstra 2011": "J. Bergstra, R. Bardenet, Y. Bengio and B. Kegl. Algorithms for "
    "hyper-parameter optimization. NeurIPS, 2011.",
    "Deb 2002": "K. Deb, A. Pratap, S. Agarwal and T. Meyarivan. A fast and elitist multiobjective "
    "genetic algorithm: NSGA-II. IEEE Transactions on Evolutionary Computation 6(2), 2002.",
    "Golovin 2017": "D. Golovin, B. Solnik, S. Moitra, G. Kochanski, J. Karro and D. Sculley. "
    "Google Vizier: a service for black-box optimization. KDD, 2017.",
    "Hansen 2016": "N. Hansen. The CMA evolution strategy: a tutorial. arXiv 1604.00772, 2016.",
    "Holm 1979": "S. Holm. A simple sequentially rejective multiple test procedure. Scandinavian "
    "Journal of Statistics 6(2), 65-70, 1979.",
    "Hutter 2014": "F. Hutter, H. Hoos and K. Leyton-Brown. An efficient approach for assessing "
    "hyperparameter importance. ICML, 2014.",
    "Li 2018": "L. Li, K. Jamieson, G. DeSalvo, A. Rostamizadeh and A. Talwalkar. Hyperband: a "
    "novel bandit-based approach to hyperparameter optimization. JMLR 18(185), 2018.",
    "Li 2020": "L. Li, K. Jamieson, A. Rostamizadeh, E. Gonina, J. Ben-tzur, M. Hardt, B. Recht "
    "and A. Talwalkar. A system for massively parallel hyperparameter tuning. MLSys, 2020.",
    "Newcombe 1998": "R. G. Newcombe. Interval estimation for the difference between independent "
    "proportions. Statistics in Medicine 17(8), 873-890, 1998.",
    "Rasmussen 2006": "C. E. Rasmussen and C. K. I. Williams. Gaussian processes for machine "
    "learning. MIT Press, 2006.",
    "Schuirmann 1987": "D. J. Schuirmann. A comparison of the two one-sided tests procedure and "
    "the power approach for assessing the equivalence of average bioavailability. Journal of "
    "Pharmacokinetics and Biopharmaceutics 15(6), 657-680, 1987.",
    "Watanabe 2023": "S. Watanabe, A. Bansal and F. Hutter. PED-ANOVA: efficiently quantifying "
    "hyperparameter importance in arbitrary subspaces. IJCAI, 2023.",
    "Wilson 1927": "E. B. Wilson. Probable inference, the law of succession, and statistical "
    "inference. Journal of the American Statistical Association 22(158), 209-212, 1927.",
}
SAMPLERS = {
    "tpe": "Bergstra 2011",
    "gp": "Rasmussen 2006",
    "cmaes": "Hansen 2016",
    "nsga2": "Deb 2002",
    "nsgaii": "Deb 2002",
}
SCHEDULERS = {"asha": "Li 2020", "hyperband": "Li 2018", "median": "Golovin 2017"}


def method(search: Tree) -> list[str]:
    """Paragraphs: arms and scores, sampler, stopping and seeds, failures, confirmation, reading."""
    found = [_arms(search), _sampling(search), _seeds(search), _confirmation(search)]
    return [text for text in [*found, _importance(search), _off(search)] if text]


def cited(paragraphs: list[str]) -> dict[str, str]:
    """The references that paragraphs name, in the order of the alphabet."""
    text = _plain(" ".join(paragraphs))
    return {key: full for key, full in REFERENCES.items() if key in text}


def _arms(search: Tree) -> str:
    names = [arm["name"] for arm in search["arms"]]
    titles = listed(f"{o['title']} ({o['better']} is better)" for o in search["objectives"])
    text = (
        f"Searched are {counts(len(names), 'arm')} ({', '.join(names)}), each in a study of its "
        "own with the same sampler, number of trials and seeds. A trial is one set of values; it "
        "is scored on the selection part alone, and the report part does not exist in its runs. "
        f"Its score is {titles}"
    )
    if search["scalar"]:
        text += f"; where one number is needed (early stopping, the best) it is {search['scalar']}"
    return text + "."


def _sampling(search: Tree) -> str:
    sampler, scheduler = search["sampler"], search["scheduler"]
    cite, stop = _cite(SAMPLERS, sampler), _cite(SCHEDULERS, scheduler)
    text = f"Sampler, in Optuna (Akiba 2019){cite}: {sampler['words'].rstrip('.')}. "
    text += f"Scheduler{stop}: {scheduler['words'].rstrip('.')}. "
    if scheduler["name"] != "none":
        text += "A trial that it stopped has no final score and is never compared by one. "
    return text + sentence(search["failure_rule"])


def _cite(table: Mapping[str, str], named: Tree) -> str:
    """The source of what is named, unless its words name it already."""
    key = named["name"].lower().replace("-", "").replace("_", "")
    known = table.get(key, "") in _plain(named["words"])
    return f" ({table[key]})" if key in table and not known else ""


def _plain(text: str) -> str:
    """Citations as they are keyed here."""
    return re.sub(r",? et al\.,?", "", text)


def _seeds(search: Tree) -> str:
    seeds = search["seeds"]["search"]
    if not seeds:
        return ""
    return (
        f"Seeds of the search: {counts(len(seeds), 'seed')} from {seeds[0]} on. "
        f"{sentence(search['racing']['words'])} A trial's score is its mean over its seeds, "
        "adjusted for which seeds these are, with the standard error of that mean; configurations "
        "are compared on the seeds they share."
    )


def _confirmation(search: Tree) -> str:
    found = search["confirmed"]
    if not found:
        return "Nothing was confirmed on fresh seeds, so every score here is one of the search."
    text = (
        "Confirmation: the best trials, the default and the best of each baseline were trained "
        f"again with {counts(len(found['seeds']), 'fresh seed')} and evaluated on the report part, "
        "which nothing was selected on. Differences are paired by seed with 95 % t intervals. "
        f"Verdicts of primary contrasts are corrected over their family (Holm 1979), with error "
        f"{100 * found['alpha']:g} %"
    )
    if found.get("margin"):
        text += (
            f", and equivalence is tested within {margin_words(found['margin'])} by two one-sided "
            "tests (Schuirmann 1987)"
        )
    return (
        f"{text}; other contrasts are exploratory. Undecided never says that there is no "
        "difference. Each arm had one search: its luck is not in the intervals."
    )


def _importance(search: Tree) -> str:
    if not any(arm["importance"] for arm in search["arms"]):
        return ""
    found = next(arm["importance"] for arm in search["arms"] if arm["importance"])
    each = listed(
        f"{e['name']}{' (Hutter 2014)' if e['name'] == 'fANOVA' else ' (Watanabe 2023)'}: "
        f"{e['draws']} draws, {e['words']}"
        for e in found["evaluators"]
    )
    return (
        f"Importance: {each}. Its intervals are the 2.5 and 97.5 percentiles over bootstrap "
        "samples of the trials. A field that acts only under conditions is judged among the trials "
        "in which it acts; shares of the fields that act in the same trials sum to 100 %. A field "
        "is said to matter where its interval lies above equal shares. Trials of a sampler that "
        "learns are no random sample of the space, so importance speaks of the region searched."
    )


def _off(search: Tree) -> str:
    if not any(arm["off"] for arm in search["arms"]):
        return ""
    return (
        f"Whether the search would switch a mechanism off: among the best {100 * BEST:g} % of the "
        "trials, complete and stopped ones, the share is counted that has its switch off or its "
        f"strength in the {'fifth' if NEAR == 0.2 else f'{NEAR:g}'} of its range next to off, "
        "against the share among all others. Intervals hold both bootstrap percentiles and those "
        "for shares (Wilson 1927, Newcombe 1998)."
    )
