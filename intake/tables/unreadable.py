class Unreadable(ValueError):  # noqa: N818
    """The table, or what follows from `row` on, cannot be read; the message is for the person who sent it."""

    def __init__(self, message: str, row: int = 0, column: str = "") -> None:
        super().__init__(message)
        self.row = row
        self.column = column
