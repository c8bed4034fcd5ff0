"""Everybody who connects to a server gets a page."""

from typing import TYPE_CHECKING

from point_sam.viewer.app import Viewer
from point_sam.viewer.ui_page import Page

if TYPE_CHECKING:
    from viser import ClientHandle, ViserServer


def serve(viewer: Viewer, server: "ViserServer") -> "Pages":
    """Give everybody who connects to that server a page, from now on."""
    pages = Pages(viewer)

    async def connect(client: "ClientHandle") -> None:
        pages.join(client)

    async def disconnect(client: "ClientHandle") -> None:
        pages.leave(client.client_id)

    server.gui.set_panel_label("point-sam view")
    server.on_client_disconnect(disconnect)
    server.on_client_connect(connect)
    return pages


class Pages:
    """The pages of those who are connected.

    Args:
        viewer: what all of them share.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._pages: dict[int, Page] = {}

    def join(self, client: "ClientHandle") -> Page:
        """A page for a new tab."""
        page = self._pages[client.client_id] = Page(self._viewer, client, self._pages)
        return page

    def leave(self, client_id: int) -> None:
        """Close a page; what it has not finished is offered to the others of its browser."""
        page = self._pages.pop(client_id, None)
        if page is not None:
            page.close()
            for other in list(self._pages.values()):
                if other.browser == page.browser:
                    other.look_again()

    def close(self) -> None:
        """Nothing more is done for anybody."""
        for page in list(self._pages.values()):
            page.close()
