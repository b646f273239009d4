"""All checks on a user's class, in their order; what fails stops only what needs it."""

from collections.abc import Iterator, Sequence
from typing import Any

from cal import own
from cal.config import ConfigError, Data, assignments, merge, parse_as
from cal.data import memory
from cal.data.raw import Raw
from cal.suite import contents, splitting, training
from cal.suite.finding import Finding


def check(name: str, words: Sequence[str] = ()) -> Iterator[Finding]:
    """``words``: FIELD=VALUE of the configuration to check with; sizes that are not given fit.

    Raises ``ConfigError`` where the class cannot be made, or the fields are wrong.
    """
    asked = merge(assignments(words), {"data": {"name": name}})
    made, modalities = own.found(name), own.modalities(name)
    told = ", ".join(f"{m.name} ({m.kind})" for m in modalities)
    yield Finding("modalities", "ok", told)
    try:
        raw = made.load()
    except Exception as error:  # whatever the user's code raises
        yield _raised("arrays", error, "load() failed")
        return
    found = contents.arrays(raw, modalities)
    yield from found
    if any(finding.verdict == "wrong" for finding in found):
        return
    yield from contents.look(raw, modalities)
    yield contents.repeated(raw, type(made)().load(), modalities)
    memory.forget()
    yield from _used(name, raw, merge({"data": splitting.sizes(raw)}, asked))


def _used(name: str, raw: Raw, tree: dict[str, Any]) -> Iterator[Finding]:
    """The parts that runs get of it, and what they do with them."""
    data = _data(tree["data"])
    columns = dict(zip(data.every_modality, raw.inputs, strict=True))
    shapes = [tuple(columns[m.name].shape[1:]) for m in data.seen]
    encoder, fault = tree.get("model", {}).get("encoder"), ""
    try:
        encoder = encoder or training.network_of(name, shapes, data.seen)
    except ConfigError as error:
        fault = str(error)
    config = None if fault else training.configured(tree, encoder=encoder)
    found = list(_guarded("parts", splitting.check(data, raw)))
    yield from found
    if any(finding.verdict == "wrong" for finding in found if finding.check == "parts"):
        return
    if config is None:
        yield Finding("training", "wrong", fault)
    else:
        yield from _guarded("training", training.check(config))


def _data(tree: dict[str, Any]) -> Data:
    try:
        return parse_as(Data, tree)
    except ConfigError as error:
        raise ConfigError("\n".join(f"data.{line}" for line in str(error).split("\n"))) from None


def _guarded(check: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """Those findings, and one more for what is raised on the way."""
    try:
        yield from findings
    except ConfigError as error:
        yield from (Finding(check, "wrong", line) for line in str(error).split("\n"))
    except Exception as error:  # the user's encoders run inside
        yield _raised(check, error, "failed")


def _raised(check: str, error: Exception, what: str) -> Finding:
    kind = "" if isinstance(error, ConfigError) else f"{type(error).__name__}: "
    reason = " ".join(f"{kind}{error}".split())
    return Finding(check, "wrong", f"{what}: {reason[:400]}")


def lines(name: str, findings: Sequence[Finding]) -> Iterator[str]:
    """What was found, a line each, and the counts."""
    width = max(len(finding.check) for finding in findings)
    yield name
    for finding in findings:
        yield f"{finding.verdict:5}  {finding.check:{width}}  {finding.text}"
    count = [sum(f.verdict == verdict for f in findings) for verdict in ("ok", "note", "wrong")]
    yield f"{count[0]} ok, {count[1]} to note, {count[2]} wrong"


def plain(name: str, findings: Sequence[Finding]) -> dict[str, Any]:
    """The same for JSON."""
    wrong = any(finding.verdict == "wrong" for finding in findings)
    return {"data_set": name, "ok": not wrong, "checks": [vars(f) for f in findings]}
