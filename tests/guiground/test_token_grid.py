"""Which image token covers which part of a screenshot."""

from hypothesis import given
from hypothesis import strategies as st

from guiground.geometry import Box, Size, TokenGrid

sides = st.integers(1, 40)


@given(sides, sides, st.integers(1, 40), st.floats(0.3, 3), st.data())
def test_a_token_lies_on_its_own_cell_and_on_no_other(columns, rows, factor, scale, data):
    canvas = Size(columns * factor, rows * factor)
    grid = TokenGrid(Size(columns, rows), canvas, canvas, Size(max(1, round(canvas.width * scale)), canvas.height))
    column, row = data.draw(st.integers(0, columns - 1)), data.draw(st.integers(0, rows - 1))
    cell = grid.cell(column, row)
    inside = Box(
        cell.left + 0.1 * cell.width,
        cell.top + 0.1 * cell.height,
        cell.right - 0.1 * cell.width,
        cell.bottom - 0.1 * cell.height,
    )
    assert grid.tokens_on(inside) == [row * columns + column]


def test_a_box_over_several_tokens_has_them_line_by_line():
    grid = TokenGrid(Size(4, 3), Size(40, 30), Size(40, 30), Size(80, 60))
    assert grid.cell(1, 2) == Box(20, 40, 40, 60)
    assert grid.tokens_on(Box(15, 15, 45, 25)) == [0, 1, 2, 4, 5, 6]
    assert grid.tokens_on(Box(0, 0, 80, 60)) == list(range(12))


def test_padding_lies_outside_of_the_screenshot():
    grid = TokenGrid(Size(4, 3), Size(128, 96), Size(100, 70), Size(100, 70))
    assert grid.cell(3, 0).right == 128 and grid.tokens_on(Box(0, 0, 100, 70)) == list(range(12))
    assert grid.tokens_on(Box(0, 0, 95, 60)) == [0, 1, 2, 4, 5, 6]


def test_a_box_beside_the_picture_falls_on_its_edge():
    grid = TokenGrid(Size(4, 3), Size(40, 30), Size(40, 30), Size(40, 30))
    assert grid.tokens_on(Box(-5, -5, -1, -1)) == [0] and grid.tokens_on(Box(41, 31, 45, 35)) == [11]
