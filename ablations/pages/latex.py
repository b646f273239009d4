"""tables/*.tex: the main tables for a paper, with booktabs and notes below. Pure.

Each file is one ``table`` environment; it needs ``\\usepackage{booktabs}`` and nothing else.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ablations.pages import arms, effects, leaders, studies
from evidence.pages.html import slug
from evidence.pages.table import Cell, Column, Table

Tree = Mapping[str, Any]
SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "[": "{[}",  # a row that begins so would be read as an option of the line break before it
    "]": "{]}",
    "*": "{*}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "\u2212": "$-$",
    "\u00b1": r"$\pm$",
    "\u00d7": r"$\times$",
    "\u00a0": "~",
}
KINDS = {"left": "l", "middle": "c", "right": "r"}
LONG = r"p{0.3\textwidth}"
SAME = r"$\approx$"  # stands for the words of an equivalence, which the note then explains
MANY = 7  # columns from which on a table is set smaller, over both columns of a page


def files(summary: Tree) -> dict[str, str]:
    """Name of a file -> its text: arms of each regime, contrasts, mechanisms, re-tuning, ranks."""
    found = [
        *(arms.means(summary, name) for name in summary["regime_order"]),
        effects.contrasts(summary),
        effects.mechanisms(summary),
        arms.sweeps(summary),
        studies.tuned(summary),
        studies.budgets(summary),
        *leaders.files(summary),
    ]
    return {f"{slug(t.name)}.tex": latex(t) for t in found if t is not None}


def latex(table: Table) -> str:
    """A table environment with booktabs rules, a label and the note below the rules."""
    wide = len(table.columns) >= MANY
    place = "table*" if wide else "table"
    lines = [
        r"% needs \usepackage{booktabs}",
        rf"\begin{{{place}}}[tbp]",
        r"\centering",
        r"\scriptsize\setlength{\tabcolsep}{2pt}" if wide else r"\small",
        rf"\caption{{{escape(table.caption)}.}}",
        rf"\label{{tab:{slug(table.name)}}}",
        rf"\begin{{tabular}}{{@{{}}{''.join(map(_kind, table.columns))}@{{}}}}",
        r"\toprule",
        _row(escape(column.title) for column in table.columns),
        r"\midrule",
        *_body(table),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    note = _note(table)
    if note:
        lines += [
            r"\par\smallskip",
            rf"\begin{{minipage}}{{\linewidth}}\footnotesize {note}\end{{minipage}}",
        ]
    return "\n".join([*lines, rf"\end{{{place}}}", ""])


def _kind(column: Column) -> str:
    return LONG if column.wide else KINDS[column.kind]


def _body(table: Table) -> Iterator[str]:
    """Rows; a band in italics over all columns, parted from what is above it."""
    for i, row in enumerate(table.rows):
        if len(row) == 1:
            if i:
                yield r"\addlinespace"
            width = len(table.columns)
            yield rf"\multicolumn{{{width}}}{{@{{}}l}}{{\itshape {escape(row[0].text)}}} \\"
        else:
            yield _row(_cell(cell) for cell in row)


def _note(table: Table) -> str:
    same = {c.text for row in table.rows for c in row if c.chip and c.look == "equivalent"}
    return " ".join([escape(table.note), *(f"{SAME}: {escape(text)}." for text in sorted(same))])


def _cell(cell: Cell) -> str:
    if cell.chip and cell.look == "equivalent":
        return SAME
    text = escape(cell.text)
    return rf"\texttt{{{text}}}" if cell.look == "code" else text


def _row(cells: Iterator[str] | Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def escape(text: str) -> str:
    """Plain text as LaTeX; what it cannot write becomes its nearest ASCII or a question mark."""
    return re.sub(r" +", " ", "".join(map(_escaped, text)))


def _escaped(c: str) -> str:
    plain = c if c.isascii() and c.isprintable() else " " if c.isspace() else "?"
    return SPECIAL.get(c, plain)
