"""The reports of examples/reports: each runs in its short form, and no committed page says what its figures do not."""

import json
import re
import shutil

import pytest
from conftest import ROOT

FOLDER = ROOT / "examples" / "reports"
NAMES = sorted(path.name.removesuffix(".template.md") for path in FOLDER.glob("*.template.md"))

# What must hold even in a short form: report -> function of its figures, {experiment: {figure: value}}.
HOLDS = {}


def pictures_of(page, folder):
    """The names of the pictures in a page, all of which are PNG files in `folder`."""
    names = re.findall(r"!\[[^]]+\]\((pictures/[^)]+)\)", page)
    assert names and all((folder / name).read_bytes().startswith(b"\x89PNG") for name in names)
    return names


def results_of(folder, name):
    return {path.stem: json.loads(path.read_text()) for path in (folder / "results" / name).glob("*.json")}


def test_reports_are_known():
    """Each report has its program, its page, a line in the index, and something that must hold in its short form."""
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert NAMES == sorted(HOLDS)
    for name in NAMES:
        assert (FOLDER / f"{name}.py").is_file() and (FOLDER / f"{name}.md").is_file() and f"({name}.md)" in index


@pytest.mark.parametrize("name", NAMES)
def test_short_form(run_python, real_data, tmp_path, name):
    done = run_python(FOLDER / f"{name}.py", "--short", "--output", tmp_path, MARTLET_DATA=str(real_data))
    assert done.returncode == 0, done.stderr
    page = (tmp_path / f"{name}.md").read_text(encoding="utf-8")
    assert not re.findall(r"\{\w+(?:\.\w+)*(?::[^}]*)?\}", page), "fields of the template are left"
    pictures_of(page, tmp_path)
    HOLDS[name](results_of(tmp_path, name))


@pytest.mark.parametrize("name", NAMES)
def test_page_follows_from_figures(run_python, tmp_path, name):
    """The committed page is the template filled with the committed figures, which show all that it claims."""
    shutil.copytree(FOLDER / "results" / name, tmp_path / "results" / name)
    done = run_python(FOLDER / f"{name}.py", "--only", "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    page = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert page == (tmp_path / f"{name}.md").read_text(encoding="utf-8")
    assert {FOLDER / picture for picture in pictures_of(page, FOLDER)} == set(FOLDER.glob(f"pictures/{name}-*"))
