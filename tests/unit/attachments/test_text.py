"""Text in the code pages of office programs: read as it was written, and marked as a guess."""

from __future__ import annotations

import pytest

from attachments_s3 import content, text

LONG = {
    "cp932": "請求書の合計は12,500円です。お支払いは月末までにお願いします。",
    "gb18030": "本月支出合计人民币三千元，其中餐饮八百元，交通二百元。",
    "big5": "本月支出總計三千元，其中餐飲八百元，交通二百元。",
    "euc_kr": "이번 달 지출 합계는 삼천 원입니다.",
    "cp1251": "Остаток на счёте: 1200 рублей, расходы за месяц",
    "cp1252": "Datum;Betrag;Empfänger\r\n01.02.2026;-12,50;Bäckerei Größenwahn, naïve café “x”\r\n",
    "cp1250": "Wydatki na żywność w styczniu: źródło łączne, opłaty",
    "cp1253": "Λογαριασμός και έξοδα του μήνα",
}


@pytest.mark.promise("A8")
@pytest.mark.parametrize("codec", LONG)
def test_code_pages_are_recognized_and_named_as_a_guess(codec: str) -> None:
    data = ("id;text\r\n" * 5 + LONG[codec]).encode(codec)

    found, guessed = text.decode(data)

    assert found.endswith(LONG[codec])
    assert guessed
    assert content.is_text(data)


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_is_certain(codec: str) -> None:
    assert text.decode("Größe 日本".encode(codec)) == ("Größe 日本", None)


@pytest.mark.parametrize("word", ["日本語", "Größe"])
@pytest.mark.parametrize("codec", ["shift_jis", "cp1252"])
def test_a_single_word_is_a_guess_that_the_model_is_told_of(word: str, codec: str) -> None:
    found, guessed = text.decode(f"Name;{word}".encode(codec, "replace"))

    assert found.startswith("Name;")
    assert guessed or word not in found.encode(codec, "replace").decode(codec)
