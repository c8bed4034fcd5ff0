"""The object that somebody is clicking on."""

from typing import TypeAlias

from point_sam.session import Click, Session

Place: TypeAlias = tuple[float, float, float]


class Current:
    """The current object: its session, with the clicks in the scene's units and what was chosen after each."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.clicks: tuple[Click, ...] = ()
        self.choices: tuple[int, ...] = ()

    @property
    def num_bytes(self) -> int:
        """Of the session's logits: three masks of the first click, one of every later."""
        return 4 * self.session.encoded.num_points * (len(self.clicks) + 2 if self.clicks else 0)

    def click(self, click: Click, place: Place) -> None:
        """Add a click; `place` is where it is in the encoding's units. What the session refuses changes nothing."""
        self.session.click(place, click.positive)
        self.clicks = (*self.clicks, click)
        self.choices = (*self.choices, int(self.session.chosen or 0))

    def choose(self, candidate: int) -> None:
        """As `Session.choose`."""
        self.session.choose(candidate)
        self.choices = (*self.choices[:-1], candidate)

    def undo(self) -> None:
        """As `Session.undo`."""
        self.session.undo()
        self.clicks, self.choices = self.clicks[:-1], self.choices[:-1]
