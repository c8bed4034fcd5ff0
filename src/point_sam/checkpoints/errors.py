"""The error of everything that is wrong with weights."""

_MAX_MESSAGE = 1500  # characters: an error stays one readable line even where a file chose the words in it


class CheckpointError(ValueError):
    """Weights cannot be found, read or used: one line with the file, the reason, the way out."""

    def __init__(self, message: str) -> None:
        line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in message[: 2 * _MAX_MESSAGE])
        super().__init__(line if len(line) <= _MAX_MESSAGE else line[: _MAX_MESSAGE - 3] + "...")
