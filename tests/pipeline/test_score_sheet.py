from __future__ import annotations

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline import score_sheet
from pipeline.score_sheet import BLOCK, Sheet

ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 10**6)), max_size=60)


@given(ROWS, st.integers(1, 8))
def test_each_page_has_its_own_rows_in_order_and_in_blocks(rows, block):
    sheet = Sheet(io.BytesIO())
    pages = [sheet.page() for _ in range(3)]
    score_sheet.BLOCK = block
    try:
        for number, value in rows:
            pages[number].add((value, value + 1, value + 2, value + 3))
        for number, page in enumerate(pages):
            for _ in range(2):  # it can be read again
                blocks = list(page.blocks())
                assert all(each.shape[1] <= block for each in blocks[-1:])
                assert all(each.shape[1] == block for each in blocks[:-1])
                found = [] if not blocks else np.concatenate(blocks, axis=1).T.tolist()
                wanted = [value for own, value in rows if own == number]
                assert found == [[value, value + 1, value + 2, value + 3] for value in wanted]
    finally:
        score_sheet.BLOCK = BLOCK
