"""The Python in the README and the documentation runs, and says what it promises."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{n}")
    for page in PAGES
    if not {"_build", "generated"} & set(page.parts)
    for n, block in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")))
]


@pytest.mark.parametrize("block", BLOCKS)
def test_examples_run(block):
    if '"runs/' in block:
        pytest.skip("needs the files of a finished run")
    exec(compile(block, "example", "exec"), {"__name__": "example"})


def test_the_readme_prints_what_it_says(capsys):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    exec(compile(BLOCK.findall(text)[0], "README", "exec"), {})
    assert f"It prints `{capsys.readouterr().out.strip()}`." in text
