"""A9: a generated image becomes a file, and its thread item has the file's URL."""

from __future__ import annotations

import pytest

from assistant_kit.items import ImageConverter


@pytest.mark.promise("A9")
@pytest.mark.parametrize(("index", "partial"), [(None, False), (0, True), (1, True)])
async def test_an_image_of_the_model_is_saved_and_only_its_url_is_kept(index: int | None, partial: bool) -> None:
    saved: list[tuple[str, bool]] = []

    async def save_image(base64_image: str, is_partial: bool) -> str:
        saved.append((base64_image, is_partial))
        return "https://files.example/img_1"

    url = await ImageConverter(save_image).base64_image_to_url("ig_1", "iVBORw0KGgo=", index)

    assert (url, saved) == ("https://files.example/img_1", [("iVBORw0KGgo=", partial)])
