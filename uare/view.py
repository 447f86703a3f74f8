"""A picture to look at: a photo before and after, side by side, with a line under each."""

from PIL import Image, ImageDraw, ImageFont

_BACKGROUND, _INK = (255, 255, 255), (40, 40, 40)


def side_by_side(
    before: Image.Image,
    after: Image.Image,
    captions: tuple[str, str] = ("before", "after"),
    height: int = 512,
) -> Image.Image:
    """RGB picture of both photos at one height (px), a thin white line between them and captions below.

    Transparent places show white. A caption that is wider than its photo gets smaller letters.
    """
    photos = [_on_white(photo, height) for photo in (before, after)]
    line, margin = max(2, height // 128), max(6, height // 32)
    letter_px = max(12, height // 20)
    widths = [photo.width for photo in photos]
    sheet = Image.new("RGB", (sum(widths) + line, height + letter_px + 2 * margin), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    left = 0
    for photo, caption in zip(photos, captions, strict=True):
        sheet.paste(photo, (left, 0))
        font = _font_that_fits(caption, letter_px, photo.width - margin)
        centre = (left + photo.width / 2, height + margin + letter_px / 2)
        draw.text(centre, caption, fill=_INK, font=font, anchor="mm")
        left += photo.width + line
    return sheet


def _on_white(photo: Image.Image, height: int) -> Image.Image:
    """RGB photo of that height, transparent places white."""
    width = max(1, round(photo.width * height / photo.height))
    if photo.has_transparency_data:
        layer = photo.convert("RGBA")
        photo = Image.alpha_composite(Image.new("RGBA", layer.size, (*_BACKGROUND, 255)), layer)
    return photo.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


def _font_that_fits(text: str, letter_px: int, width: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font, as large as `letter_px` or as the width allows."""
    font = ImageFont.load_default(letter_px)
    found = font.getlength(text)
    if found <= width:
        return font
    return ImageFont.load_default(max(1, int(letter_px * width / found)))
