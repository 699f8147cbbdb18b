"""How many lines an integrator writes, with and without the client and the example.

    python3 examples/shop/lines/count.py           prints the tables of examples/shop/README.md
    python3 examples/shop/lines/count.py --write   writes them there

Counted are lines of code: no blank ones, no comments, no docstrings.
"""

import ast
import io
import sys
import tokenize
from pathlib import Path

HERE = Path(__file__).resolve().parent
README = HERE.parent / "README.md"
BEGIN, END = "<!-- lines -->\n", "<!-- /lines -->"
NO_CODE = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
           tokenize.ENDMARKER, tokenize.ENCODING)  # fmt: skip
# What a part of the shop is there for.
PARTS = [
    ("store.py", "what is kept, so that nothing begun is lost: keys, payments, refunds, positions"),
    ("settle.py", "finishing orders, payments and refunds after whatever happened"),
    ("hooks.py", "webhooks: each once, in the transaction of what it brings"),
    ("payments.py", "calls to the payment provider"),
    ("shop.py", "the server: form, pay URL, payment, order page"),
    ("pages.py", "the pages themselves"),
]


def docstrings(tree: ast.AST) -> set[int]:
    """The lines of all docstrings."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                if isinstance(first.value.value, str):
                    lines.update(range(first.lineno, (first.end_lineno or 0) + 1))
    return lines


def span(text: str, name: str) -> set[int]:
    """The lines of a class's method or of a function."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return set(range(node.lineno, (node.end_lineno or 0) + 1))
    raise SystemExit(f"there is no {name}")


def code(text: str) -> set[int]:
    """The lines of `text` with code."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    return lines - docstrings(ast.parse(text))


def tables() -> str:
    texts = [(HERE / f"{name}_client.py").read_text() for name in ("without", "with")]
    lines = ["| the calls of a shop | without the client | with it |", "|---|---:|---:|"]
    counts = [len(code(text)) for text in texts]
    for name, what in [
        ("hold", "order under a key"), ("paid", "confirm, or refund"),
        ("declined", "give back what is not paid"),
        ("is_genuine", "check the signature of a webhook"),
    ]:  # fmt: skip
        here = [len(code(text) & span(text, name)) for text in texts]
        counts = [left - count for left, count in zip(counts, here, strict=True)]
        lines.append(f"| {what} | {here[0]} | {here[1]} |")
    what = "what all of them need: retries, waits, lost answers, codes, bounds, addresses"
    lines.append(f"| {what} | {counts[0]} | {counts[1]} |")
    totals = [len(code(text)) for text in texts]
    lines.append(f"| together | {totals[0]} | {totals[1]} |")
    lines += ["", "| the rest of the shop | lines | file |", "|---|---:|---|"]
    total = 0
    for name, what in PARTS:
        count = len(code((HERE.parent / name).read_text()))
        total += count
        lines.append(f"| {what} | {count} | [{name}]({name}) |")
    lines.append(f"| together | {total} | |")
    return "\n".join(lines) + "\n"


def main() -> None:
    before, _, rest = README.read_text().partition(BEGIN)
    kept, _, after = rest.partition(END)
    if "--write" in sys.argv:
        README.write_text(before + BEGIN + tables() + END + after)
    elif kept != tables():
        print(tables())
        raise SystemExit("examples/shop/README.md says something else: run this with --write")
    else:
        print(tables())


if __name__ == "__main__":
    main()
