"""Contact sheets: many images with captions in one picture."""

import io
from collections.abc import Sequence

from fmnist.core.dataset import Images

_SCALE = 4
_MARGIN = 10
_LINE = 15
_FONT_SIZE = 12


def contact_sheet(images: Images, captions: Sequence[str], columns: int) -> bytes:
    """A PNG of ``images``, uint8 [n, 28, 28], row by row, each four times its size above its caption.

    Captions may have several lines. No images give an empty picture.
    """
    from PIL import Image, ImageDraw, ImageFont

    side = images.shape[1] * _SCALE
    lines = max(caption.count("\n") + 1 for caption in [*captions, ""])
    width, height = side + _MARGIN, side + lines * _LINE + _MARGIN
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * width + _MARGIN, rows * height + _MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_FONT_SIZE)
    for number, (pixels, caption) in enumerate(zip(images, captions, strict=True)):
        row, column = divmod(number, columns)
        left, top = _MARGIN + column * width, _MARGIN + row * height
        picture = Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST)
        sheet.paste(picture, (left, top))
        draw.multiline_text((left, top + side), caption, fill="black", font=font, spacing=1)
    stream = io.BytesIO()
    sheet.save(stream, format="PNG")
    return stream.getvalue()
