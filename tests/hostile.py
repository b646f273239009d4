"""Fifty texts that strangers give as names and titles, each made to break some reader."""

from typing import Any

EVIL = "evil()"  # what a page must never run
STRINGS: dict[str, str] = {
    "single quote": "O'Brien",
    "double quote": 'say "hello"',
    "both quotes": "'\"`",
    "new line": "one\ntwo",
    "carriage return": "one\rtwo",
    "tab": "one\ttwo",
    "NUL": "nul\x00byte",
    "escape sequence of a terminal": "\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "backspaces": "safe\x08\x08\x08\x08evil",
    "backslashes": "\\\\server\\share\\n",
    "script element": f"<script>{EVIL}</script>",
    "end of a script element": f"</script><script>{EVIL}</script>",
    "end of a style and comment": f"</style>--><img src=x onerror={EVIL}>",
    "attribute in double quotes": f'" onmouseover="{EVIL}" x="',
    "attribute in single quotes": f"' onfocus='{EVIL}' autofocus x='",
    "SVG with a handler": f"<svg/onload={EVIL}>",
    "entities": "&lt;b&gt; &amp;amp; &#x3c;i&#x3e;",
    "CDATA": "]]><![CDATA[<b>",
    "SQL, end of a string": "x'; DROP TABLE runs; --",
    "SQL, always true": "' OR '1'='1",
    "SQL, wildcards": "%_%",
    "MLflow filter": "x' AND tags.`cal.level` = 'seed",
    "shell, command": "$(touch canary)",
    "shell, backquotes": "`touch canary`",
    "shell, end of a command": "x; touch canary & touch canary | touch canary",
    "shell, variable": "$HOME ${IFS} !!",
    "option": "--help",
    "short option": "-rf",
    "YAML, object": "!!python/object/apply:os.system ['touch canary']",
    "YAML, anchor": "&a [*a, *a]",
    "YAML, mapping": "a: b, {c: d}",
    "YAML, sequence": "- a\n- b",
    "Jinja, expression": "{{ 7 * 7 }}{% raw %}",
    "Jinja, classes": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "LaTeX, input": "\\input{/etc/passwd}",
    "LaTeX, write18": "}\\write18{touch canary}\\end{tabular}$&#^_%~",
    "LaTeX, option of a line break": "[9cm] *",
    "percent format": "%s%n%(name)s",
    "str.format": "{0.__class__} {name!r}",
    "formula, DDE": "=cmd|'/C calc'!A0",
    "formula, plus": "+1+cmd",
    "formula, at": "@SUM(1+1)*cmd",
    "Markdown, script link": f"[click](javascript:{EVIL}) ![x](http://127.0.0.1/x.png)",
    "Markdown, markup": "**bold** _low_ ~~gone~~ | # `code`",
    "path upwards": "../../../../tmp/canary",
    "absolute path": "/tmp/canary",
    "home folder": "~root/.ssh",
    "percent-encoded path": "..%2f..%2fcanary%00.yaml",
    "this folder": ".",
    "folder above": "..",
    "device of Windows": "CON",
    "spaces only": "   ",
    "empty": "",
    "text turned round": "safe\u202egnp.exe",
    "zero-width space": "ca\u200bl",
    "emoji with joiners": "\U0001f469\u200d\U0001f4bb \u00e9t\u00e9",
    "half a surrogate pair": "x\ud800",
    "byte order mark": "\ufeffcal",
    "very long": "a" * 100_000,
    "long for a file": "b" * 300,
    "rich markup": "[red]x[/red][link=file:///etc/passwd]y[/link]",
    "prototype": "__proto__",
    "query and fragment of an address": "a?b=c&d#e%20f+g",
    "a comma": "joint,cal",
    "a bar": "joint|cal",
}
"""What it is made against -> the text."""


def replaced(tree: Any, old: str, new: str) -> Any:
    """Plain data with a text in the place of another, wherever that stands alone."""
    if isinstance(tree, dict):
        return {replaced(k, old, new): replaced(v, old, new) for k, v in tree.items()}
    if isinstance(tree, list):
        return [replaced(value, old, new) for value in tree]
    return new if tree == old else tree


def lines_of(text: str) -> list[str]:
    """The lines of a message, as a terminal or a log makes them."""
    return text.splitlines()
