"""Make the documentation's pictures from the browser tests' screenshots: `python -m tests.browser.pictures`.

Take the screenshots (test_looks.py) with Debian's Chromium: npm's has a single font, without emoji and Chinese.
"""

from __future__ import annotations

from PIL import Image

from tests.browser.conftest import SCREENSHOTS
from tools import ROOT

TARGET = ROOT / "docs" / "screenshots"
MAX_BYTES = 150_000
CHOSEN = {
    "desktop-light": "conversation-desktop-light",
    "desktop-dark": "budget-desktop-dark",
    "phone-light": "conversation-phone-light",
    "phone-dark": "budget-phone-dark",
}


def main() -> None:
    """Write each chosen screenshot with 256 colors, to keep the files small."""
    TARGET.mkdir(exist_ok=True)
    for name, source in CHOSEN.items():
        file = TARGET / f"{name}.png"
        with Image.open(SCREENSHOTS / f"{source}.png") as picture:
            picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(file, optimize=True)
        size = file.stat().st_size
        assert size <= MAX_BYTES, f"{file.name} has {size:,} bytes, more than {MAX_BYTES:,}"
        print(f"{file.relative_to(ROOT)}: {size:,} bytes")


if __name__ == "__main__":
    main()
