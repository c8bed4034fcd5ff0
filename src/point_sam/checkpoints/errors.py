"""The error of everything that is wrong with weights."""

from point_sam.messages import printable

_MAX_MESSAGE = 1500  # characters: an error stays one readable line even where a file chose the words in it


class CheckpointError(ValueError):
    """Weights cannot be found, read or used: one line with the file, the reason, the way out."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message, _MAX_MESSAGE))
