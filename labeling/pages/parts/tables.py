"""How tall a table is: as tall as its rows, up to a limit, so that nothing jumps."""

ROW = 33
BORDER = 3


def height(rows: int, most: int = 10) -> int:
    """Return the height in pixels of a table with a header and `rows` rows, `most` visible."""
    return ROW * (min(max(rows, 1), most) + 1) + BORDER
