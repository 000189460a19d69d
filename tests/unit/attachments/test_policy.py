"""Names, types and keys: no collision, no injection, whatever a browser sends (promise A2)."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from email.message import Message
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import AnyUrl

import store_dynamo.errors
import store_dynamo.keys
from attachments_s3 import keys, names
from attachments_s3.errors import InvalidIdError, InvalidNameError, RefusedError, TypeNotAllowedError
from attachments_s3.policy import FILE_TYPES, Kind, Policy

POLICY = Policy()
ids = st.text(min_size=1, max_size=60)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class TestKeys:
    @pytest.mark.promise("A3")
    @given(ids, ids, ids, ids)
    @example("a/b", "c", "a", "b/c")
    @example("a.2fb", "c", "a/b", "c")
    @example("..", "x", ".", "./x")
    def test_different_ids_never_meet(self, user: str, attachment: str, other_user: str, other_attachment: str) -> None:
        try:
            one, two = keys.file_key(user, attachment), keys.file_key(other_user, other_attachment)
        except InvalidIdError:
            return
        assert (one == two) == ((user, attachment) == (other_user, other_attachment))
        assert one.startswith(keys.file_key(user, "x")[:-1])

    @pytest.mark.promise("A3")
    @given(ids, ids)
    def test_key_has_three_segments_that_read_the_same_in_a_url(self, user: str, attachment: str) -> None:
        try:
            key = keys.pending_key(user, attachment)
        except InvalidIdError:
            return
        assert re.fullmatch(r"pending/[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+", key)
        assert not {".", ".."} & set(key.split("/"))
        assert quote(key) == key == urlsplit(str(AnyUrl(f"https://b.s3.eu-west-1.amazonaws.com/{key}"))).path[1:]
        assert len(key) <= 1024

    @given(ids)
    @example("\ud800")
    def test_store_dynamo_escapes_in_the_same_way(self, part: str) -> None:
        """Up to 480 bytes; store_dynamo allows 512."""
        try:
            segment = keys.escape(part)
        except InvalidIdError:
            return
        assert segment == store_dynamo.keys.escape(part, "attachment")

    @pytest.mark.parametrize("part", ["", "x" * 481, "/" * 161], ids=["empty", "long", "escaped"])
    def test_id_that_makes_no_key_is_refused(self, part: str) -> None:
        with pytest.raises(InvalidIdError):
            keys.file_key("ann", part)

    @pytest.mark.promise("S11")
    def test_ids_sort_by_time(self) -> None:
        made = [keys.new_id("atc", NOW + timedelta(milliseconds=n)) for n in range(20)]
        assert made == sorted(made)
        assert len({keys.new_id("atc", NOW) for _ in range(1000)}) == 1000


class TestNames:
    @pytest.mark.promise("A2")
    @pytest.mark.parametrize("marks", [300, 20_000, 2_000_000])
    @pytest.mark.parametrize("mark", ["\u0301\u0323", "\u200d\u200c", "\U000e0041\u202e", "\ufb2c\u0958"])
    def test_name_of_marks_and_joiners_is_never_normalized_at_length(
        self, mark: str, marks: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Normalizing 240 KB of combining marks takes 40 seconds (security-03-name-takes-minutes.py)."""
        lengths: list[int] = []
        normalize = unicodedata.normalize

        def recorded(form: Any, text: str) -> str:
            lengths.append(len(text))
            return normalize(form, text)

        monkeypatch.setattr(unicodedata, "normalize", recorded)
        name = "a" + mark * marks + ".png"
        if marks > 300 or mark != "\U000e0041\u202e":
            for check in (names.clean, lambda name: POLICY.check(name, "image/png", 1)):
                with pytest.raises(InvalidNameError):
                    check(name)
        else:
            assert names.clean(name) == "a.png"
        assert len(names.visible(name)) <= 3 * names.MAX_RAW_CHARS
        assert max(lengths) <= names.MAX_RAW_CHARS

    @pytest.mark.parametrize("part", ["x" * 4_000_000, "/" * 4_000_000])
    def test_long_id_is_refused_before_it_is_escaped(self, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keys, "_UNSAFE", None)
        monkeypatch.setattr(store_dynamo.keys, "_UNSAFE", None)

        with pytest.raises(InvalidIdError):
            keys.escape(part)
        with pytest.raises(store_dynamo.errors.InvalidIdError):
            store_dynamo.keys.escape(part, "item")

    @pytest.mark.promise("A2")
    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("../../x", "x"),
            ("C:\\Users\\ann\\a.png", "a.png"),
            ("/etc/passwd", "passwd"),
            ('"; filename=x.html', '"; filename=x.html'),
            ("a\r\nSet-Cookie: x.png", "a Set-Cookie: x.png"),
            ("exe\u202egpj.png", "exegpj.png"),
            ("a\u0000b\u200b.txt", "ab.txt"),
            ("nom de\u00a0 fichier .pdf. ", "nom de fichier .pdf"),
            ("U\u0308ber.png", "Über.png"),
            ("👩‍👧.png", "👩‍👧.png"),
            ("\ud800a.png", "a.png"),
            ("x" * 251 + ".png", "x" * 251 + ".png"),
        ],
        ids=lambda value: ascii(value)[:20],
    )
    def test_name_is_what_a_person_would_recognise(self, name: str, shown: str) -> None:
        assert names.clean(name) == shown

    @pytest.mark.promise("A2")
    @pytest.mark.parametrize("name", ["", " ", "..", "a/", "\u200b", "\u200d", "x" * 256, "x" * 1024], ids=ascii)
    def test_name_without_anything_or_too_long_is_refused(self, name: str) -> None:
        with pytest.raises(InvalidNameError):
            names.clean(name)

    @pytest.mark.promise("A2")
    @given(st.text(max_size=300, alphabet=st.characters()))
    @example('"; filename=x.html')
    @example("a\\\r\nb: c.png")
    def test_header_is_one_line_of_ascii_that_gives_the_name_back(self, raw: str) -> None:
        try:
            name = names.clean(raw)
        except InvalidNameError:
            return
        assert names.clean(name) == name
        assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in name)
        header = names.content_disposition(name, inline=False)
        match = re.fullmatch(
            r"attachment; filename=\"([^\"\\%]+)\"; filename\*=UTF-8''([\w!#$&+.^`|~%-]+)", header, re.A
        )
        assert match
        assert header.isprintable()
        assert len(header) < 1800  # S3 takes 2 KB of such metadata
        kept = unquote(match[2], errors="strict")
        assert kept == name or (len(name.encode()) > 200 and name.startswith(kept[:10]))
        parsed = Message()
        parsed["Content-Disposition"] = header.partition("; filename*")[0]
        assert parsed.get_filename() == match[1]


class TestTypes:
    @pytest.mark.parametrize(
        ("name", "declared", "resolved"),
        [
            ("a.png", "image/png", "image/png"),
            ("a.PNG", "IMAGE/PNG; charset=binary", "image/png"),
            ("a.jpg", "image/jpg", "image/jpeg"),
            ("a.jpg", "", "image/jpeg"),
            ("a.pdf", "application/octet-stream", "application/pdf"),
            ("notes.md", "", "text/markdown"),
            ("main.ts", "video/mp2t", "text/plain"),
            ("table.csv", "application/vnd.ms-excel", "text/csv"),
            ("main.py", "text/x-python", "text/plain"),
            ("run.sh", "application/x-sh", "text/plain"),
            ("Makefile", "text/x-makefile", "text/plain"),
            ("a.svg", "image/svg+xml", "image/svg+xml"),
            ("page.html", "", "text/html"),
            ("x.html", "image/png", "image/png"),
        ],
    )
    def test_browser_and_name_decide_the_type(self, name: str, declared: str, resolved: str) -> None:
        assert POLICY.resolve(name, declared).mime_type == resolved

    @pytest.mark.promise("A2")
    @pytest.mark.parametrize(
        ("name", "declared"), [("a.zip", "application/zip"), ("a.exe", ""), ("a.png", "application/zip"), ("a", "")]
    )
    def test_type_outside_the_list_is_refused(self, name: str, declared: str) -> None:
        with pytest.raises(TypeNotAllowedError):
            POLICY.resolve(name, declared)

    @pytest.mark.promise("A2")
    @given(
        st.text(max_size=80), st.text(max_size=80) | st.sampled_from([t.mime_type for t in FILE_TYPES]), st.integers()
    )
    def test_whatever_is_sent_becomes_a_listed_type_or_a_refusal(self, name: str, declared: str, size: int) -> None:
        try:
            _, file_type = POLICY.check(name, declared, size)
        except RefusedError:
            return
        assert file_type in FILE_TYPES
        assert 0 < size <= POLICY.max_bytes[file_type.kind]

    @pytest.mark.promise("A2")
    def test_html_and_svg_are_never_inline(self) -> None:
        inline = {t.mime_type for t in FILE_TYPES if t.inline}
        assert inline == {"image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"}
        for name in ("a.html", "a.svg", "a.xml", "a.js", "a.txt"):
            assert POLICY.content_disposition(name, POLICY.resolve(name, "")).startswith("attachment;")

    @pytest.mark.promise("A2")
    @given(st.sampled_from(FILE_TYPES), st.sampled_from([".html", ".svg", ".exe", ".js", "", ".png", ".txt"]))
    def test_download_has_an_extension_of_its_type(self, file_type: object, ending: str) -> None:
        chosen = next(t for t in FILE_TYPES if t == file_type)
        header = POLICY.content_disposition("x" + ending, chosen)
        assert any(header.endswith(extension) for extension in chosen.extensions)

    def test_no_extension_belongs_to_two_types(self) -> None:
        listed = [extension for t in FILE_TYPES for extension in t.extensions]
        assert len(listed) == len(set(listed))

    @pytest.mark.parametrize(
        ("name", "mime_type", "advice"),
        [
            ("IMG_1.HEIC", "image/heic", "JPEG"),
            ("IMG_1.HEIC", "", "JPEG"),
            ("IMG_1", "image/heif", "JPEG"),
            ("old.doc", "application/msword", ".docx"),
            ("old.xls", "application/vnd.ms-excel", ".xlsx"),
            ("plan.pages", "", "PDF"),
        ],
    )
    def test_a_common_type_that_cannot_be_attached_is_refused_with_advice(
        self, name: str, mime_type: str, advice: str
    ) -> None:
        with pytest.raises(TypeNotAllowedError, match=re.escape(advice)):
            Policy().resolve(name, mime_type)

    def test_frontend_is_told_the_same(self) -> None:
        public = Policy(types=FILE_TYPES[:2], max_per_message=3).public()
        assert public == {
            "enabled": True,
            "maxCount": 3,
            "maxSize": 20_000_000,
            "accept": {"image/png": [".png"], "image/jpeg": [".jpg", ".jpeg", ".jfif"]},
            "maxSizes": {"image/png": 20_000_000, "image/jpeg": 20_000_000},
        }
        assert {t.kind for t in FILE_TYPES} == set(Kind)
