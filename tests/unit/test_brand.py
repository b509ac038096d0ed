"""A provider's look: what a brand's file may say, and that text stays readable in its colours."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closure.brand import DARK, LIGHT, LOGO_LIMIT, READABLE, Brand, LogoType, contrast
from connectors.brand_file import BrandFault, load_brand

PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0h1v1z"/></svg>'
COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def brand_file(folder: Path, text: str) -> Path:
    path = folder / "acme.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_the_look_is_nobodys() -> None:
    assert load_brand(None) == Brand()
    assert (Brand().name, Brand().logo, Brand().support_url) == ("Account closure", None, None)


def test_a_whole_file(tmp_path: Path) -> None:
    (tmp_path / "acme.svg").write_bytes(SVG)
    brand = load_brand(
        brand_file(
            tmp_path,
            'name = "Acme Cloud"\nsupport_url = "https://acme.example/help"\n'
            'accent = "#FF6A00"\naccent_dark = "#ffb37a"\nlogo = "acme.svg"\n',
        )
    )
    assert (brand.name, brand.support_url) == ("Acme Cloud", "https://acme.example/help")
    assert (brand.accent, brand.accent_dark) == ("#ff6a00", "#ffb37a")
    assert brand.logo is not None
    assert (brand.logo.media_type, brand.logo.content) == (LogoType.SVG, SVG)


def test_a_png_is_a_logo_too(tmp_path: Path) -> None:
    (tmp_path / "acme.png").write_bytes(PNG)
    logo = load_brand(brand_file(tmp_path, 'logo = "acme.png"')).logo
    assert logo is not None
    assert logo.media_type is LogoType.PNG


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "acme.toml: not valid TOML"),
        ('name = ""', "acme.toml: name: "),
        ('name = "\\u202eemcA"', "acme.toml: name: has a character that can't be seen"),
        ('name = "Acme\\nCloud"', "acme.toml: name: has a character that can't be seen"),
        (f'name = "{"A" * 61}"', "acme.toml: name: "),
        ('accent = "blue"', "acme.toml: accent: "),
        ('accent = "#12345"', "acme.toml: accent: "),
        ('accent = "#1234567"', "acme.toml: accent: "),
        ('accent_dark = "#ggaa00"', "acme.toml: accent_dark: "),
        ('support_url = "javascript:alert(1)"', "acme.toml: support_url: is no http:// or https:// address"),
        ('colour = "#123456"', "acme.toml: colour: unknown key"),
        ('logo = "absent.png"', "acme.toml: logo: absent.png cannot be read: No such file"),
        ('logo = "../acme.png"', "acme.toml: logo: is no name of a file beside this one"),
        ("logo = 3", "acme.toml: logo: is no name of a file beside this one"),
        ('logo = "acme.toml"', "acme.toml: logo: is neither a PNG nor an SVG picture"),
        ('logo = "html.svg"', "acme.toml: logo: is neither a PNG nor an SVG picture"),
        ('logo = "script.svg"', "acme.toml: logo: is an SVG that has a script in it"),
        ('logo = "handler.svg"', "acme.toml: logo: is an SVG that has a script in it"),
        ('logo = "entity.svg"', "acme.toml: logo: is an SVG with a document type"),
        ('logo = "large.png"', "acme.toml: logo: is larger than 64 KiB"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "html.svg").write_bytes(b"<html/>")
    (tmp_path / "script.svg").write_bytes(SVG.replace(b"<path", b"<script>alert(1)</script><path"))
    (tmp_path / "handler.svg").write_bytes(SVG.replace(b"<path", b'<path onload="alert(1)"'))
    (tmp_path / "entity.svg").write_bytes(b'<!DOCTYPE svg [<!ENTITY a "a">]>' + SVG)
    (tmp_path / "large.png").write_bytes(PNG.ljust(LOGO_LIMIT + 1, b"\0"))
    with pytest.raises(BrandFault) as raised:
        load_brand(brand_file(tmp_path, text))
    assert str(raised.value).startswith(said)
    assert "\n" not in str(raised.value)


def test_the_largest_logo_is_taken(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(PNG.ljust(LOGO_LIMIT, b"\0"))
    assert load_brand(brand_file(tmp_path, 'logo = "large.png"')).logo is not None


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(BrandFault, match=r"absent\.toml: cannot be read: No such file"):
        load_brand(tmp_path / "absent.toml")
    (tmp_path / "acme.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(BrandFault, match=r"acme\.toml: is not UTF-8 text: byte 8"):
        load_brand(tmp_path / "acme.toml")


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # just too little
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)  # just enough


@given(accent=COLOURS, accent_dark=COLOURS | st.none())
def test_text_is_readable_in_any_colours(accent: str, accent_dark: str | None) -> None:
    given_dark = {} if accent_dark is None else {"accent_dark": accent_dark}
    brand = Brand.model_validate({"accent": accent, **given_dark})
    assert contrast(brand.on_accent, brand.accent) >= READABLE
    assert contrast(brand.on_accent_dark, brand.accent_dark) >= READABLE
    assert contrast(brand.link, LIGHT) >= READABLE
    assert contrast(brand.link_dark, DARK) >= READABLE
    if accent_dark is None:
        assert contrast(brand.accent_dark, DARK) >= READABLE
