"""Pictures that the model draws: kept by the server, shown by URL, never as data in a thread item."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from chatkit.agents import ResponseStreamConverter

PARTIAL_IMAGES = 2


class PictureConverter(ResponseStreamConverter):
    """Hands each picture, partial ones too, to the turn's `save_image`."""

    def __init__(self, save_image: Callable[[str, bool], Awaitable[str]]) -> None:
        super().__init__(partial_images=PARTIAL_IMAGES)
        self._save_image = save_image

    async def base64_image_to_url(
        self, image_id: str, base64_image: str, partial_image_index: int | None = None
    ) -> str:
        return await self._save_image(base64_image, partial_image_index is not None)
