"""The object that somebody is clicking on."""

from point_sam.session import Click, Session


class Current:
    """The current object: its session, with the clicks and what was chosen after each."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.clicks: tuple[Click, ...] = ()
        self.choices: tuple[int, ...] = ()

    @property
    def num_bytes(self) -> int:
        """Of the session's logits: three masks of the first click, one of every later."""
        return 4 * self.session.encoded.num_points * (len(self.clicks) + 2 if self.clicks else 0)

    def click(self, click: Click) -> None:
        """Add a click. What the session refuses changes nothing."""
        self.session.click(click.point, click.positive)
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
