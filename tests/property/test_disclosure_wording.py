"""What is hidden in a shared tree hangs on no word: labels, titles, texts and names may be anything."""

from __future__ import annotations

import copy
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.disclosure.kinds import TEXT, Kind, each, people, statistic, words
from analysis.disclosure.ledger import Account, known
from analysis.disclosure.shared import shared_tree
from analysis.disclosure.texts import masked
from analysis.pipeline.topics import TOPICS

sys.path.insert(0, str(Path(__file__).parent))
from trees_to_share import caption, section, study

EXAMPLE = Path(__file__).resolve().parents[1] / "example_0_1"
SLOW_TOPICS = ("reliability", "retention", "exploration", "models", "groups", "longitudinal", "validity")
PLACE = re.compile(r"(\{[^{}]*\})")
NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*(?![\w])")


def example(topics: Sequence[str] | None, folder: Path = EXAMPLE) -> dict[str, Any]:
    """Validate the example study, or what is left of it in a folder."""
    from analysis.commands.reading_study import read_study
    from analysis.commands.study_files import StudyFiles
    from analysis.pipeline import validate

    files = StudyFiles(
        responses=folder / "responses.csv",
        instrument="dta",
        usage=folder / "usage.csv",
        outcomes=folder / "outcomes.csv",
        covariates=folder / "covariates.csv",
        study=EXAMPLE / "study.yaml",
        enrolment=folder / "enrolment.csv",
        audit=EXAMPLE / "audit.csv",
    )
    return validate(read_study(files), topics=topics).to_dict()


def fewer(folder: Path) -> Path:
    """Write the example study without seventeen of those who answered."""
    gone = pd.read_csv(EXAMPLE / "responses.csv", dtype=str)["participant"].unique()[:17]
    for name in ("responses", "usage", "outcomes", "covariates", "enrolment"):
        table = pd.read_csv(EXAMPLE / f"{name}.csv", dtype=str, keep_default_na=False)
        table[~table["participant"].isin(gone)].to_csv(folder / f"{name}.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def tree() -> dict[str, Any]:
    return example([topic.name for topic in TOPICS if topic.name not in SLOW_TOPICS])


class Words:
    """Other words for every word, the same for the same; names of columns keep what refers to them."""

    def __init__(self, salt: int) -> None:
        self.salt = salt
        self.made: dict[str, str] = {}

    def of(self, text: str) -> str:
        if not text.strip():
            return text
        return self.made.setdefault(text, f"n of {len(self.made) * 7919 + self.salt} people {self.salt}")

    def sentence(self, text: str) -> str:
        """Change what stands between the places of a sentence."""
        return "".join(
            part if PLACE.fullmatch(part) else (self.of(part) if part.strip() else part)
            for part in PLACE.split(text)
        )

    def key(self, name: str) -> str:
        return f"k{self.salt}_{self.made.setdefault('key ' + name, str(len(self.made)))}"


def reworded(tree: dict[str, Any], salt: int) -> dict[str, Any]:
    """Change every label, title, note, text, name of a section, table and column; keep numbers and kinds."""
    new, made = Words(salt), copy.deepcopy(tree)
    made["sections"] = {new.key(name): _section(new, part) for name, part in made["sections"].items()}
    for part in made["sections"].values():
        for finding in part["findings"]:
            finding["path"] = _path(new, finding["path"])
    return made


def _section(new: Words, part: dict[str, Any]) -> dict[str, Any]:
    for key in ("title", "question"):
        part[key] = new.of(part[key])
    part["prose"] = [_places(new, new.sentence(sentence)) for sentence in part["prose"]]
    for finding in part["findings"]:
        finding["claim"] = new.of(finding["claim"])
    part["values"] = {
        new.key(key): new.of(value) if _is_text(part["kinds"]["values"][key], value) else value
        for key, value in part["values"].items()
    }
    part["kinds"]["values"] = {new.key(k): _kind(new, kind) for k, kind in part["kinds"]["values"].items()}
    tables, captions = {}, {}
    for name, columns in part["tables"].items():
        told = part["captions"][name]
        tables[new.key(name)] = {
            new.key(key): [new.of(v) if _is_text(told["kinds"][key], v) else v for v in column]
            for key, column in columns.items()
        }
        captions[new.key(name)] = _caption(new, told)
    part["account"] = _account(new, part["account"])
    return {**part, "tables": tables, "captions": captions}


def _is_text(kind: dict[str, Any], value: Any) -> bool:
    return kind["what"] == "text" and isinstance(value, str)


def _caption(new: Words, told: dict[str, Any]) -> dict[str, Any]:
    made = {
        **told,
        "title": new.of(told["title"]),
        "note": new.of(told["note"]),
        "columns": {
            new.key(key): {**column, "label": new.of(column["label"])}
            for key, column in told["columns"].items()
        },
        "kinds": {new.key(key): _kind(new, kind) for key, kind in told["kinds"].items()},
    }
    if "sums" in told:
        made["sums"] = [[list(map(new.key, parts)), new.key(whole)] for parts, whole in told["sums"]]
    if "curve" in told:
        made["curve"] = {role: new.key(key) for role, key in told["curve"].items()}
    if "answers_of" in told:
        made["answers_of"] = list(map(new.key, told["answers_of"]))
    return made


def _kind(new: Words, kind: dict[str, Any]) -> dict[str, Any]:
    made = dict(kind)
    for key in ("of", "count", "rest"):
        if key in kind:
            made[key] = _of(new, kind[key])
    for key in ("on", "tells", "ends"):
        if key in kind:
            made[key] = [_of(new, of) for of in kind[key]]
    if "by" in kind:
        made["by"] = new.key(kind["by"])
    if "names" in kind:
        made["names"] = [_name(new, name) for name in kind["names"]]
    if "templates" in kind:
        made["templates"] = [new.sentence(template) for template in kind["templates"]]
    return made


def _name(new: Words, name: str) -> str:
    return name if name in ("participants", "administrations", "") else new.key(name)


def _of(new: Words, of: Any) -> Any:
    if isinstance(of, str):
        return new.key(of)
    if isinstance(of[0], list):
        return [_of(new, place) for place in of]
    if of[0] == "known":
        return ["known", _name(new, of[1])]
    if of[0] == "values":
        return ["values", new.key(of[1])]
    return ["tables", new.key(of[1]), new.key(of[2]), of[3]] if of[0] == "tables" else of


def _account(new: Words, account: dict[str, Any]) -> dict[str, Any]:
    return {
        "same": [[_of(new, place) for place in places] for places in account["same"]],
        "sums": [
            {**said, "parts": [_of(new, p) for p in said["parts"]], "whole": _of(new, said["whole"])}
            for said in account["sums"]
        ],
        "populations": {_name(new, name): n for name, n in account["populations"].items()},
    }


def _places(new: Words, sentence: str) -> str:
    return re.sub(r"\{(\w+)", lambda match: "{" + new.key(match.group(1)), sentence)


def _path(new: Words, path: str) -> str:
    if not path:
        return path
    head, name, what, *rest = path.split(".")
    column = re.sub(r"^\w+", lambda match: new.key(match.group(0)), rest[-1])
    return ".".join([head, new.key(name), what, *map(new.key, rest[:-1]), column])


def shape(tree: dict[str, Any]) -> list[Any]:
    """Everything that is shown of the numbers, in the order of the tree, without any name or word."""
    found: list[Any] = [tree["meta"]["participants"], tree["meta"]["administrations"]]
    for part in tree["sections"].values():
        found += [part["status"], part["method"]["n"], len(part["prose"]), len(part["findings"])]
        for columns in [part["values"], *part["tables"].values()]:
            for column in columns.values():
                cells = column if isinstance(column, list) else [column]
                found.append(["" if isinstance(cell, str) else cell for cell in cells])
    return found


def check_wording(tree: dict[str, Any], salts: Sequence[int]) -> None:
    before = shape(shared_tree(tree))
    assert any(None in column for column in before if isinstance(column, list))
    for salt in salts:
        other = reworded(tree, salt)
        assert not set(tree["sections"]) & set(other["sections"])
        assert shape(shared_tree(other)) == before


def test_any_other_wording_of_the_whole_tree_hides_the_same(tree: dict[str, Any]) -> None:
    assert {part["status"] for part in tree["sections"].values()} == {"ok"}
    check_wording(tree, [1, 77])


def numbers_in_words(tree: dict[str, Any]) -> dict[str, set[tuple[str, ...]]]:
    """Numbers that stand in words laid down beforehand, by place and words around them."""
    found: dict[str, set[tuple[str, ...]]] = {}

    def enter(path: str, text: Any) -> None:
        if isinstance(text, str):
            # levels of a covariate are named in the order of the data
            found.setdefault(f"{path}: {NUMBER.sub('#', text)}", set()).add(
                tuple(sorted(NUMBER.findall(text)))
            )

    for name, part in tree["sections"].items():
        for key in ("estimator", "missing"):
            enter(f"{name}.{key}", part["method"][key])
        for sentence in part["prose"]:
            enter(f"{name}.prose", PLACE.sub("", sentence))
        for key, value in part["values"].items():
            if part["kinds"]["values"][key]["what"] == "text":
                enter(f"{name}.{key}", value)
        for key, value in part["method"]["options"].items():
            if part["kinds"]["options"][key]["what"] in ("text", "given"):
                enter(f"{name}.{key}", str(value))
        for table, told in part["captions"].items():
            for key in ("title", "note"):
                enter(f"{name}.{table}.{key}", told[key])
            for key, column in told["columns"].items():
                enter(f"{name}.{table}.{key}", column["label"])
            for key, cells in part["tables"][table].items():
                for value in cells if told["kinds"][key]["what"] == "text" else ():
                    enter(f"{name}.{table}.{key}", value)
    return found


def check_words(tree: dict[str, Any], other: dict[str, Any]) -> None:
    """No number in words may change with the people: it would be one of people, said to be none."""
    here, there = numbers_in_words(tree), numbers_in_words(other)
    both = here.keys() & there.keys()
    assert len(both) > 200
    changed = {path: (here[path] - there[path], there[path] - here[path]) for path in both}
    assert {path: sides for path, sides in changed.items() if all(sides)} == {}


def test_no_number_in_words_changes_with_the_people(tree: dict[str, Any], tmp_path: Path) -> None:
    check_words(tree, example(list(tree["sections"]), fewer(tmp_path)))


@pytest.mark.slow
def test_any_other_wording_of_every_topic_hides_the_same(tmp_path: Path) -> None:
    whole = example(None)
    assert {part["status"] for part in whole["sections"].values()} == {"ok"}
    check_wording(whole, range(10))
    check_words(whole, example(None, fewer(tmp_path)))


def test_the_withdrawn_are_hidden_whatever_their_step_is_called(tree: dict[str, Any]) -> None:
    """Once the label was read: reworded, hidden counts were printed, and another could be worked out."""
    few = copy.deepcopy(tree)
    table = few["sections"]["adherence"]["tables"]["flow"]
    at = {name: row for row, name in enumerate(table["id"])}
    table["step"] = [f"step {row}" for row in range(len(table["step"]))]
    told = shared_tree(few)["sections"]["adherence"]["tables"]["flow"]["n"]
    # nobody lacked a covariate: with the withdrawn, and with those who had left, that could be worked out
    assert table["n"][at["no_covariate"]] == 0
    by = dict(zip(table["id"], told, strict=True))
    small = ("withdrawn", "unwatched", "nothing_due", "no_covariate", "strangers")
    assert [by[name] for name in small] == [None] * len(small)
    assert (by["no_score"], by["analysed"], by["analysed_time"]) == tuple(
        table["n"][at[name]] for name in ("no_score", "analysed", "analysed_time")
    )


@pytest.mark.parametrize("where", ["column", "value", "option", "n"])
def test_what_has_no_kind_is_not_shown(where: str) -> None:
    true = study(60, [[10, 10, 10, 10, 13]], [7])
    items = true["sections"]["items"]
    if where == "column":
        items["tables"]["statistics"]["events"] = [3]
    elif where == "value":
        items["values"]["left"] = 3
    elif where == "option":
        items["method"]["options"]["left out"] = 3
    else:
        del items["kinds"]["n"]
    with pytest.raises(ValueError, match="has no kind"):
        shared_tree(true)


def test_a_table_without_kinds_is_refused_where_it_is_made() -> None:
    from analysis.pipeline.section import Section, Table

    frame = pd.DataFrame({"group": ["a"], "n": [7], "left": [3]})
    table = Table(frame=frame, title="T", columns={}, kinds={"group": TEXT, "n": people()})
    with pytest.raises(TypeError, match="'left' has no kind"):
        table.caption()
    parts: dict[str, Any] = {"estimator": "e", "n": 7, "n_kind": people(), "missing": "", "prose": []}
    with pytest.raises(TypeError, match="'left' has no kind"):
        Section(**parts, values={"left": 3}).plain()
    with pytest.raises(TypeError, match="'left' has no kind"):
        Section(**parts, options={"left": 3}).plain()
    with pytest.raises(TypeError, match="n_kind"):
        Section(**{key: value for key, value in parts.items() if key != "n_kind"})


def test_counts_in_words_are_made_again_from_those_that_may_be_told() -> None:
    true = study(60, [[10, 10, 10, 10, 13]], [7])
    kind = words(["{0} left, {1} stayed {{so}}"], [[4, 56]], names=["left", "stayed"])
    account = Account()
    account.total([known("left"), known("stayed")], ("method", "n"))
    true["sections"]["later"] = section(
        "later",
        n=60,
        account=account,
        prose=["{told}."],
        values={"told": "4 left, 56 stayed {so}"},
        value_kinds={"told": kind},
    )
    assert shared_tree(true)["sections"]["later"]["values"]["told"] == "– left, – stayed {so}"


def test_statistics_of_few_go_by_what_they_rest_on_not_by_the_name_of_a_column() -> None:
    true = study(60, [[10, 10, 10, 10, 13]], [7])
    kinds: dict[str, Kind] = {"who": TEXT, "weight": people(), **each(statistic("weight"), "day time")}
    true["sections"]["later"] = section(
        "later",
        n=60,
        tables={"t": {"who": ["a", "b"], "weight": [30, 3], "day": [1.5, 2.5], "time": [1.0, 2.0]}},
        captions={"t": caption({}, kinds)},
    )
    table = shared_tree(true)["sections"]["later"]["tables"]["t"]
    assert table == {"who": ["a", "b"], "weight": [30, None], "day": [1.5, None], "time": [1.0, None]}


@settings(deadline=None, max_examples=12)
@given(st.text(), st.integers(0, 9999), st.text(), st.sampled_from(["'{}'", "[{}]", '"{}"']))
def test_no_number_and_no_quoted_name_is_left_of_words_made_elsewhere(
    before: str, number: int, after: str, quotes: str
) -> None:
    told = masked(f"{before.replace(chr(39), '')} {number} {after}", ["q7"])
    assert not re.search(r"\d", told.replace("q7", ""))
    name = quotes.format("anna")
    assert "anna" not in masked(f"the answers of {name} are left out")


def test_messages_of_a_failed_topic_hold_no_number_of_people() -> None:
    true = study(60, [[10, 10, 10, 10, 13]], [7])
    failed = {**section("later", n=60), "status": "failed"}
    failed["message"] = "later: 3 of 60 participants have a score ('p17').\nHint: at least 30 are needed."
    failed["problems"] = ["Theme: only two rows; 4 persons left out."]
    true["sections"]["later"] = failed
    seen = shared_tree(true)["sections"]["later"]
    assert seen["message"] == "later: – of – participants have a score (–).\nHint: at least – are needed."
    assert seen["problems"] == ["Theme: only two rows; – persons left out."]


def test_results_whose_counts_do_not_add_up_are_refused_with_a_hint() -> None:
    from analysis.disclosure.shared import to_share
    from analysis.pipeline import Validation
    from instrument.errors import DefinitionError

    true = study(60, [[10, 10, 10, 10, 13]], [7])
    true["sections"]["flow"]["account"]["same"].append(
        [["values", "first_n"], ["tables", "flow", "complete", 0]]
    )
    with pytest.raises(DefinitionError, match="do not") as caught:
        to_share(Validation(tree=true))
    assert str(caught.value).count("Hint: ") == 1
