"""Tables of pages: they sort as numbers, print what every form prints, and join an interval to its estimate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.report.view import Cell, TableView, table_view
from dashboard.filters import filtered, is_of, is_touched
from dashboard.glossary import GLOSSARY, explained
from dashboard.tables import (
    EDGES,
    LEAST,
    LETTER,
    MARK,
    ROOM,
    Column,
    _shared,
    apart,
    columns_of,
    fit,
    folded,
    frame_of,
)
from dashboard.views import cards
from dashboard.views.cards import cards_html


def view_of(heads: list[tuple[str, bool]], rows: list[list[tuple[Any, str]]]) -> TableView:
    cells = [
        [Cell(value=v, text=t, path="", numeric=n) for (v, t), (_, n) in zip(r, heads, strict=True)]
        for r in rows
    ]
    return TableView(name="t", title="T", note="", heads=heads, rows=cells)


def shown(columns: Any) -> list[list[str]]:
    styled = frame_of(columns)
    html = styled._translate(sparse_index=False, sparse_cols=False)
    return [[cell["display_value"] for cell in row if cell["type"] == "td"] for row in html["body"]]


def test_numbers_sort_as_numbers_and_print_as_everywhere() -> None:
    view = view_of(
        [("Name", False), ("n", True), ("p", True)],
        [
            [("a", "a"), (103, "103"), (0.0002, "<\u00a0.001")],
            [("b", "b"), (1350, "1,350"), (None, "–")],
            [("c", "c"), (41, "41"), (-0.5, "−0.50")],
        ],
    )
    columns = columns_of(view)
    frame = frame_of(columns).data
    assert frame["1"].sort_values().tolist() == [41, 103, 1350]
    assert np.isnan(frame["2"][1])
    assert shown(columns) == [["a", "103", "<\u00a0.001"], ["b", "1,350", "–"], ["c", "41", "−0.50"]]


def test_an_interval_stands_with_its_estimate_even_where_two_estimates_are_alike() -> None:
    heads = [("Name", False), ("r", True), ("95% from", True), ("to", True), ("k", True)]
    rows = [
        [("a", "a"), (0.5, "0.50"), (0.4, "0.40"), (0.6, "0.60"), (1, "1")],
        [("b", "b"), (0.5, "0.50"), (0.1, "0.10"), (0.9, "0.90"), (2, "2")],
        [("c", "c"), (0.7, "0.70"), (None, "–"), (None, "–"), (None, "–")],
    ]
    columns = columns_of(view_of(heads, rows))
    assert [column.head for column in columns] == ["Name", "r (95% interval)", "k"]
    assert [row[1] for row in shown(columns)] == ["0.50 (0.40 to 0.60)", "0.50 (0.10 to 0.90)", "0.70"]
    assert frame_of(columns).data["1"].tolist() == [0.5, 0.5, 0.7]


@pytest.mark.parametrize("level", ["95%", "90%"])
def test_an_interval_of_either_level_is_named_by_it_and_a_second_one_stays_apart(level: str) -> None:
    heads = [("RMSEA", True), (f"{level} from", True), ("to", True), ("90% from", True), ("to", True)]
    rows = [[(k / 10, f".{k}") for k in range(1, 6)]]
    columns = columns_of(view_of(heads, rows))
    assert [column.head for column in columns] == [f"RMSEA ({level} interval)", "90% from", "to"]
    assert columns[0].texts == (".1 (.2 to .3)",)
    other = [("RMSEA", True), ("80% from", True), ("to", True)]
    assert len(columns_of(view_of(other, [row[:3] for row in rows]))) == 3


def test_two_intervals_of_one_estimate_and_words_before_one_stay_apart() -> None:
    heads = [("Name", False), ("95% from", True), ("to", True)]
    rows = [[("a", "a"), (0.1, "0.1"), (0.2, "0.2")]]
    assert [column.head for column in columns_of(view_of(heads, rows))] == ["Name", "95% from", "to"]


def test_every_table_of_a_study_prints_each_of_its_cells(results_tree: dict[str, Any]) -> None:
    count = 0
    for name, section in results_tree["sections"].items():
        for table in section["tables"] if section["status"] == "ok" else ():
            view = table_view(name, section, table)
            columns = columns_of(view)
            for place, row in enumerate(view.rows):
                printed = " ".join(column.texts[place] for column in columns)
                for cell in row:
                    count += 1
                    assert cell.text in printed or cell.value is None
            assert all(len(column.texts) == len(view.rows) for column in columns)
    assert count > 2000


def test_a_filter_acts_on_rules_and_on_what_is_hidden_alike() -> None:
    section = {
        "tables": {"t": {"wave": ["a", "b", "a"], "x": [1, 2, 3]}, "u": {"y": [1]}},
        "suppressed": {"t": {"x": [1, 2]}, "u": {"y": [0]}},
    }
    made = filtered(section, {"wave": "a"})
    assert made["tables"] == {"t": {"wave": ["a", "a"], "x": [1, 3]}, "u": {"y": [1]}}
    assert made["suppressed"] == {"t": {"x": [1]}, "u": {"y": [0]}}
    assert is_touched(section, {"wave": "a"}) and not is_touched(section, {"group": "a"})
    assert is_of(section, "sections.s.tables.t.x[2]", {"wave": "a"})
    assert not is_of(section, "sections.s.tables.t.x[1]", {"wave": "a"})
    assert not is_of(section, "sections.s.values.z", {"wave": "a"})
    assert not is_of(section, "sections.s.tables.u.y[0]", {"wave": "a"})
    assert filtered(section, {}) == section


@pytest.mark.parametrize("value", [True, "12", [1]])
def test_what_is_no_number_is_not_made_one(value: Any) -> None:
    view = view_of([("x", True)], [[(value, str(value))]])
    assert frame_of(columns_of(view)).data["0"].dtype == object
    assert isinstance(frame_of(columns_of(view)).data, pd.DataFrame)


def test_a_card_holds_every_text_of_its_row_and_nothing_else() -> None:
    heads = ["Item", "n", "Wording", "p"]
    page = cards_html(
        heads, [["hum1", "370", "A wording longer than its label <b>", ""], ["hum2", "1", "", ""]]
    )
    assert page.count("<li>") == 2 and page.count("<dt>") == 3
    assert "<dt>n</dt><dd>370</dd>" in page and '<dd class="long">A wording longer' in page
    assert "<b>" not in page and "<dt>p</dt>" not in page
    assert "<strong>hum2</strong><dl><dt>n</dt><dd>1</dd></dl>" in page
    assert cards_html(["Only"], [["x"]]) == '<ul class="cards"><li><strong>x</strong></li></ul>'


def test_cards_of_rows_that_begin_alike_are_told_apart_by_what_follows() -> None:
    rows = [["sex", "man", "Hope", "3"], ["sex", "man", "Drive", "4"], ["sex", "woman", "Hope", "5"]]
    page = cards_html(["Groups", "Group", "Score", "n"], rows)
    for row in rows:
        name = " · ".join(row[:3])
        assert f"<strong>{name}</strong>" in page and f"<dt>n</dt><dd>{row[3]}</dd>" in page
    assert page.count("<dt>") == 3
    two = cards_html(["One", "Other", "r"], [["a", "b", "1"], ["a", "c", "2"]])
    assert "<strong>a · c</strong><dl><dt>r</dt><dd>2</dd></dl>" in two
    same = cards_html(["One", "r"], [["a", "1"], ["a", "2"]])
    assert same.count("<strong>a</strong><dl><dt>r</dt>") == 2, "nothing tells them apart"


def test_many_cards_open_at_a_touch_and_those_of_items_lead_to_their_pages() -> None:
    rows = [[f"Item {k}", str(k)] for k in range(cards.OPEN_CARDS + 1)]
    many = cards_html(["Item", "n"], rows, [f"items?item=q{k}&x" for k in range(len(rows))])
    assert many.count("<li><details><summary><strong>") == many.count("</details></li>") == len(rows)
    assert many.count('href="items?item=q3&amp;x" target="_self"') == 1
    few = cards_html(["Item", "n"], rows[1:])
    assert "<details>" not in few and "<a " not in few


def test_a_long_table_and_one_without_columns_have_no_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(cards.st, "html", shown.append)
    cards.show_cards(["a", "b"], [["x", "y"]] * (cards.MOST_CARDS + 1))
    cards.show_cards(["a"], [["x"]])
    cards.show_cards(["a", "b"], [])
    assert shown == []
    cards.show_cards(["a", "b"], [["x", "y"]] * cards.MOST_CARDS)
    assert shown[0].count("<li>") == cards.MOST_CARDS


def test_words_of_the_trade_are_told_where_they_stand_and_no_others() -> None:
    told = explained(
        "ICC(A,1) and ICC: the SDC is smaller; HTMT2 and HTMT differ. Hedges' g, S-X² and E-value."
    )
    assert told is not None
    terms = [line.split("**")[1] for line in told.split("  \n")]
    assert terms == ["ICC(A,1)", "ICC", "SDC", "HTMT2", "HTMT", "Hedges' g", "S-X²", "E-value"]
    assert explained("People asked sem, sdc and alphabets of semantics") is None
    assert explained("Alpha") == explained("alpha") is not None
    assert all(explained(term) is not None for term in GLOSSARY)


COLUMN = st.tuples(st.booleans(), st.lists(st.integers(0, 200), min_size=2, max_size=2))


@given(st.lists(COLUMN, min_size=1, max_size=12))
def test_words_are_broken_so_that_a_table_ends_before_the_edge(columns: list[tuple[bool, list[int]]]) -> None:
    texts = [["x" * length for length in lengths] for _, lengths in columns]
    numeric = [number for number, _ in columns]
    made = fit(["h"] * len(columns), texts, numeric)
    needed = [max(20, round(6.7 * max(1, *map(len, own)) + 20)) for own in texts]
    words = [w for w, number in zip(needed, numeric, strict=True) if not number and w > 130]
    if made.row is None:
        assert set(made.widths) == {None}
        assert sum(needed) <= ROOM or not words
        return
    whole = sum(w if w is not None else n for w, n in zip(made.widths, needed, strict=True))
    least = sum(needed) - sum(words) + 130 * len(words)
    assert whole <= ROOM or whole == least  # numbers alone may leave no room: then words have the least
    assert all(w is None for w, number in zip(made.widths, numeric, strict=True) if number)
    assert all(w is None or 130 <= w <= n for w, n in zip(made.widths, needed, strict=True))
    assert 64 < made.row <= 135  # Streamlit breaks lines in rows of more than 4rem


def column(head: str, width: int, *, numeric: bool = True) -> Column:
    """A column of one row whose text is so many letters wide."""
    return Column(head=head, numeric=numeric, values=(0.5 if numeric else "x",), texts=("x" * width,))


@given(
    st.integers(1, 3),
    st.lists(st.integers(1, 40), min_size=1, max_size=20),
    st.booleans(),
)
def test_no_column_is_lost_where_a_table_is_divided_and_what_stays_fits(
    names: int, widths: list[int], chosen: bool
) -> None:
    words = [column(f"w{k}", 30, numeric=False) for k in range(names)]
    numbers = [column(f"n{k}", width) for k, width in enumerate(widths)]
    shown, others = apart([*words, *numbers], chosen=chosen)
    heads = [one.head for one in shown] + [one.head for one in others if one not in words]
    assert heads == [one.head for one in (*words, *numbers)]
    if others:
        assert others[:names] == words
        least = [min(LETTER * 30 + EDGES, LEAST)] * names
        least += [LETTER * max(len(one.head), len(one.texts[0])) + EDGES for one in shown[names:]]
        assert sum(map(round, least)) <= ROOM - (MARK if chosen else 0)
        assert len(shown) > names


def test_a_table_that_fits_is_neither_folded_nor_divided() -> None:
    heads = [("Name", False), ("Slope", True), ("SE", True), ("From", True)]
    rows = [[("a", "a"), (1.2, "1.20"), (0.1, "0.10"), (3.0, "3.0")]]
    columns = columns_of(view_of(heads, rows))
    assert [one.head for one in columns] == ["Name", "Slope", "SE", "From"]
    assert apart(columns) == (columns, [])


def test_a_wide_table_puts_errors_degrees_of_freedom_and_ends_beside_what_they_are_of() -> None:
    extra = [(f"A column with a long head {k}", True) for k in range(5)]
    heads = [
        ("Name", False),
        ("Slope", True),
        ("SE", True),
        ("χ²", True),
        ("df", True),
        ("Precise from", True),
    ]
    heads += [("to", True), *extra]
    first = [("a", "a"), (1.2, "1.20"), (0.1, "0.10"), (7.5, "7.5"), (2, "2"), (-0.5, "−0.5"), (1.0, "1.0")]
    second = [("b", "b"), (1.2, "1.20"), (0.3, "0.30"), (None, "–"), (0, "0"), (None, "–"), (None, "–")]
    rest = [(0.5, ".50")] * len(extra)
    columns = columns_of(view_of(heads, [first + rest, second + rest]))
    assert [one.head for one in columns[:4]] == ["Name", "Slope (SE)", "χ² (df)", "Precise"]
    assert [one.texts for one in columns[1:4]] == [
        ("1.20 (0.10)", "1.20 (0.30)"),
        ("7.5 (2)", "–"),
        ("−0.5 to 1.0", "–"),
    ]
    assert columns[1].values == (1.2, 1.2)  # still sorted by the estimate
    assert shown(columns[:4])[1] == ["b", "1.20 (0.30)", "–", "–"]
    assert folded(columns) == columns


def test_who_needs_less_than_an_equal_part_gets_that_and_the_others_share_the_rest() -> None:
    assert _shared(600, {0: 200, 2: 900}) == {0: 200, 2: 400}
    assert _shared(600, {0: 300, 2: 900}) == {0: 300, 2: 300}
    assert _shared(600, {0: 900, 1: 150, 2: 800}) == {1: 150, 0: 225, 2: 225}
    assert _shared(100, {5: 40}) == {5: 100}


def test_an_end_that_is_not_told_and_an_error_that_is_not_leave_the_estimate_alone() -> None:
    heads = [("r", True), ("95% from", True), ("to", True)]
    rows = [
        [(0.5, "0.50"), (0.4, "0.40"), (None, "–")],
        [(0.5, "0.50"), (None, "–"), (0.6, "0.60")],
        [(0.5, "0.50"), (0.4, "0.40"), (0.6, "0.60")],
    ]
    (made,) = columns_of(view_of(heads, rows))
    assert made.texts == ("0.50", "0.50", "0.50 (0.40 to 0.60)")

    def column(head: str, *values: float | None) -> Column:
        texts = tuple("–" if value is None else f"{value:.2f}" for value in values)
        return Column(head=head, numeric=True, values=values, texts=texts)

    (slope,) = folded([column("Slope", 1.3, 1.4, None), column("SE", 0.3, None, 0.2)])
    assert (slope.head, slope.texts) == ("Slope (SE)", ("1.30 (0.30)", "1.40", "–"))
    apart = folded([column("Slope (95% interval)", 1.3), column("SE", 0.3)])
    assert [one.head for one in apart] == ["Slope (95% interval)", "SE"]
    assert [one.head for one in folded([column("r (SE)", 1.3), column("SE", 0.3)])] == ["r (SE)", "SE"]


def test_what_is_not_told_prints_its_own_words_and_a_wide_number_stays_under_its_names() -> None:
    columns = columns_of(view_of([("x", True)], [[(None, "hidden")], [(1, "1")]]))
    assert shown(columns) == [["hidden"], ["1"]]
    name = Column(head="Theme", numeric=False, values=("North",), texts=("North",))
    wide = Column(head="A number of many words " * 6, numeric=True, values=(0.5,), texts=(".5",))
    small = Column(head="n", numeric=True, values=(9,), texts=("9",))
    assert apart([name, wide, small]) == ([name, wide, small], [])
