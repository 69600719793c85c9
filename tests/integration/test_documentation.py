"""What README.md and docs/ say of the program, its commands, exit codes and files is so."""

import re

import pytest

from program import REPOSITORY

DOCUMENTS = sorted([REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")])
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")

# "drydock NAME ..." on a line of an example, or between backquotes.
MENTION = re.compile(r"^ {4,}(?:\$ )?drydock (?P<a>[a-z]+)\b(?P<rest_a>.*)$|`drydock (?P<b>[a-z]+)\b(?P<rest_b>[^`]*)`",
                     re.M)


def section(text, heading):
    """The lines below a heading of a Markdown text, up to the next heading."""
    return re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.M | re.S).group(1)


def table(text):
    """The cells of the rows of the first table, without its head."""
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")]
            for line in text.splitlines() if line.startswith("|")]
    return rows[2:]


def anchor(heading):
    """The anchor that a heading gets on a forge."""
    return re.sub(r"[^\w -]", "", heading.replace("`", "").strip().lower()).replace(" ", "-")


@pytest.fixture
def help_text(drydock):
    done = drydock("--help")
    assert done.code == 0
    return done.stdout


def help_commands(text):
    listed = re.search(r"^Commands:\n(.*?)\n\n", text, re.M | re.S).group(1)
    return [re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in listed.splitlines()]


def test_exit_codes_are_those_of_help(help_text):
    listed = re.search(r"^Exit codes.*?:\n(.*)", help_text, re.M | re.S).group(1)
    told = [re.split(r"\s{2,}", line.strip()) for line in listed.strip().splitlines()]
    assert table(section(README, "Exit codes")) == told


def test_commands_are_those_of_help(help_text):
    told = [[f"`drydock {name}`", summary] for name, summary in help_commands(help_text)]
    assert table(section(README, "Commands")) == told


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_and_options_exist(document, drydock, help_text):
    commands = {name for name, _ in help_commands(help_text)}
    text = document.read_text(encoding="utf-8").replace("\\\n", " ")
    for named in MENTION.finditer(text):
        name, rest = named["a"] or named["b"], named["rest_a"] or named["rest_b"] or ""
        assert name in commands, f"{document.name} names drydock {name}"
        known = drydock(name, "--help").stdout
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", rest):
            assert option in known or option == "--help", f"{document.name}: drydock {name} has no {option}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    for target, fragment in re.findall(r"\]\((?!\w+:)([^)#]*)(?:#([^)]*))?\)", document.read_text(encoding="utf-8")):
        path = document.parent / target if target else document
        assert path.exists(), f"{document.name} links to {target}"
        if fragment:
            headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.M)
            assert fragment in [anchor(heading) for heading in headings], f"{document.name} links to {target}#{fragment}"


def test_places_of_the_readme_exist():
    for place in re.findall(r"^    ([\w/.]+)\s{2,}", section(README, "Where things are"), re.M):
        assert (REPOSITORY / place).exists(), f"README.md names {place}"
