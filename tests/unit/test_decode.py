"""A text is read in the encoding that it is in, and where the file does not say which that is, the guess is told."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from freshet.tasks.documents.parse.decode import decode, decoded
from freshet.tasks.documents.parse.markdown import parse_markdown
from freshet.tasks.documents.parse.tabular import parse_csv

TEXTS = {
    "de": (
        "Die Straßenreinigung in Köln führt größere Übungen durch. Anträge müssen bis Ende September "
        "gestellt werden, sonst verfällt die Gebühr für das laufende Jahr."
    ),
    "fr": (
        "La bibliothèque est fermée l’été ; les prêts échus doivent être rendus à l’accueil. Où qu’il "
        "soit, l’élève reçoit son reçu après la clôture."
    ),
    "es": (
        "El año próximo la señora Núñez llevará la cuestión al comité. ¿Cuándo se devolverán los "
        "depósitos? Según el reglamento, después de la revisión."
    ),
    "pt": (
        "A reunião não poderá começar antes das três. As inscrições são gratuitas, porém é necessário "
        "apresentar o cartão até à última sessão de março."
    ),
    "sv": (
        "Båtplatsen får inte överlåtas åt någon annan. Avgiften höjs från första januari, och ägaren "
        "måste själv anmäla ändringar på kontoret."
    ),
    "pl": (
        "Wniosek należy złożyć w urzędzie miasta Łódź do końca września. Zażółć gęślą jaźń. Opłata "
        "wynosi pięć złotych, a decyzję wydaje się w ciągu dwóch tygodni."
    ),
    "cs": (
        "Žádost je třeba podat do konce září na městském úřadě. Příliš žluťoučký kůň úpěl ďábelské ódy, "
        "a proto byla schůze odročena na příští týden."
    ),
    "hu": (
        "A kérelmet szeptember végéig kell benyújtani az önkormányzatnál. Az árvíztűrő tükörfúrógép "
        "használata után a kölcsönző köteles őrizni a szerződést."
    ),
    "tr": (
        "Başvuru eylül sonuna kadar yapılmalıdır; Iğdır şubesi kapalıdır. Öğrencilerin güncel belgeleri "
        "müdürlüğe teslim etmesi gerekir, aksi hâlde ücret iade edilmez."
    ),
    "ru": (
        "Заявление подаётся в администрацию города до конца сентября. Сотрудник обязан сообщить о "
        "поломке насоса дежурному инженеру в течение часа."
    ),
    "uk": (
        "Заява подається до міської ради до кінця вересня. Працівник зобов'язаний повідомити про "
        "несправність чергового інженера її підрозділу протягом години."
    ),
    "bg": (
        "Заявлението се подава в общината до края на септември. Служителят е длъжен да съобщи за "
        "повредата на дежурния инженер в рамките на един час."
    ),
    "el": (
        "Η αίτηση υποβάλλεται στον δήμο μέχρι το τέλος Σεπτεμβρίου. Ο υπάλληλος οφείλει να ενημερώσει "
        "τον μηχανικό για τη βλάβη μέσα σε μία ώρα."
    ),
    "he": (
        "יש להגיש את הבקשה לעירייה עד סוף ספטמבר. העובד חייב להודיע למהנדס התורן על התקלה בתוך שעה אחת מרגע הגילוי."
    ),
    "ar": (
        "يجب تقديم الطلب إلى البلدية قبل نهاية شهر سبتمبر. على الموظف أن يبلغ المهندس المناوب عن العطل "
        "خلال ساعة واحدة من اكتشافه."
    ),
    "th": ("ต้องยื่นคำร้องต่อเทศบาลภายในสิ้นเดือนกันยายน พนักงานต้องแจ้งวิศวกรเวรเกี่ยวกับความเสียหายภายในหนึ่งชั่วโมง"),
    "ja": (
        "申請書は九月末日までに市役所へ提出してください。ポンプが故障したときは、一時間以内に当番の"
        "技術者に知らせること。"
    ),
    "zh": ("申请书应当在九月底以前提交市政府。水泵发生故障时，工作人员必须在一小时内通知值班工程师，并且填写记录。"),
    "tw": ("申請書應於九月底以前送交市政府。抽水機發生故障時，工作人員必須在一小時內通知值班工程師，並且填寫紀錄。"),
    "ko": (
        "신청서는 구월 말까지 시청에 제출해야 합니다. 펌프가 고장 나면 직원은 한 시간 안에 당직 기사에게 알려야 한다."
    ),
    "lv": (
        "Iesniegums jāiesniedz pilsētas pašvaldībā līdz septembra beigām. Darbiniekam stundas laikā "
        "jāziņo dežurējošajam inženierim par sūkņa bojājumu."
    ),
    "lt": (
        "Prašymas turi būti pateiktas miesto savivaldybei iki rugsėjo pabaigos. Darbuotojas privalo per "
        "valandą pranešti budinčiam inžinieriui apie gedimą."
    ),
}
"""By language, what a notice of a town might say."""

SPELLINGS = [
    ("de", "cp1252"), ("de", "iso8859-1"), ("de", "cp850"), ("de", "mac_roman"), ("de", "iso8859-15"),
    ("de", "cp437"), ("fr", "cp1252"), ("fr", "mac_roman"), ("fr", "cp850"), ("es", "cp1252"), ("es", "cp850"),
    ("pt", "iso8859-1"), ("sv", "iso8859-1"), ("sv", "cp850"), ("pl", "cp1250"), ("pl", "iso8859-2"),
    ("pl", "cp852"), ("cs", "cp1250"), ("cs", "iso8859-2"), ("hu", "cp1250"), ("hu", "iso8859-2"),
    ("tr", "cp1254"), ("tr", "iso8859-9"), ("ru", "cp1251"), ("ru", "koi8_r"), ("ru", "iso8859-5"),
    ("ru", "cp866"), ("ru", "mac_cyrillic"), ("uk", "cp1251"), ("uk", "koi8_u"), ("bg", "cp1251"),
    ("el", "cp1253"), ("el", "iso8859-7"), ("he", "cp1255"), ("he", "iso8859-8"), ("ar", "cp1256"),
    ("ar", "iso8859-6"), ("th", "tis_620"), ("ja", "shift_jis"), ("ja", "euc_jp"), ("ja", "iso2022_jp"),
    ("zh", "gb18030"), ("zh", "hz"), ("tw", "big5"), ("ko", "euc_kr"), ("lv", "cp1257"), ("lt", "cp1257"),
    ("ru", "utf-16-le"), ("ja", "utf-16-le"), ("ja", "utf-16-be"), ("zh", "utf-16-le"), ("ru", "utf-32-le"),
    ("de", "utf-32-be"), ("de", "utf-16-be"),
]  # fmt: skip


@pytest.mark.parametrize("length", [40, 1000])
@pytest.mark.parametrize(("language", "encoding"), SPELLINGS)
def test_an_encoding_that_is_not_stated_is_guessed_and_told(language: str, encoding: str, length: int) -> None:
    data = TEXTS[language][:length].encode(encoding, "ignore")
    text, guessed = decoded(data)
    assert text == data.decode(encoding)
    assert guessed is not None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("language", TEXTS)
def test_what_says_in_which_encoding_it_is_is_not_guessed(language: str, encoding: str) -> None:
    assert decoded(TEXTS[language].encode(encoding)) == (TEXTS[language], None)


def test_a_page_may_state_its_encoding_late() -> None:
    style = "<style>" + ".x{color:red}\n" * 2000 + "</style>"
    page = f'<html><head>{style}<meta http-equiv=Content-Type content="text/html; charset=windows-1251"></head>'
    page += f"<p>{TEXTS['ru']}</p>"
    assert decoded(page.encode("cp1251"), markup=True) == (page, None)


def test_a_word_about_an_encoding_within_a_page_states_nothing() -> None:
    page = "<html><head><title>Notes</title></head>" + "<p>Seen.</p>" * 300 + f"<p>charset=koi8-r, {TEXTS['ru']}</p>"
    assert decode(page.encode("cp1251"), markup=True) == page


@pytest.mark.parametrize("data", [b"plain \x1b[31mred\x1b[0m", b"Bush hid the facts", b"a ~ {b}", b""])
def test_plain_bytes_are_what_they_are(data: bytes) -> None:
    assert decoded(data) == (data.decode(), None)


def test_a_document_keeps_what_was_guessed_and_no_document_can_say_so_itself(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(TEXTS["pl"].encode("cp1250"))
    (tmp_path / "a.csv").write_bytes(f"{TEXTS['pl']};1".encode("cp1250"))
    (tmp_path / "b.md").write_text("---\nguessed_encoding: koi8\n---\nWords.\n")
    assert parse_markdown(str(tmp_path / "a.md")).properties["guessed_encoding"] == "cp1250"
    assert parse_csv(str(tmp_path / "a.csv")).properties["guessed_encoding"] == "cp1250"
    assert "guessed_encoding" not in parse_markdown(str(tmp_path / "b.md")).properties


@pytest.mark.parametrize(
    "text",
    [
        "Le coût s’élève à 40 €.", "Señor, la tarifa es de 40 €",
        "Die Gebühr beträgt 40 € – „für alle“ Mitglieder; Straße, Köln.",
        "La quota è di 40 € – «perché» l’acqua non è più gratuita; già pagata.",
    ],
)  # fmt: skip
@pytest.mark.parametrize("times", [1, 6])
def test_no_guess_makes_words_of_letters_of_two_scripts(text: str, times: int) -> None:
    assert decoded(" ".join([text] * times).encode("cp1252")).text == " ".join([text] * times)


def test_a_damaged_byte_makes_nothing_else_of_the_text_around_it() -> None:
    text = "Die Gebühr beträgt vierzig Euro für alle. " * 30
    found = decoded(text.encode() + b"\xff" + "Köln".encode())
    assert found == (f"{text}\ufffdKöln", "utf-8")


def test_bytes_that_are_no_text_in_any_encoding_are_mostly_replaced() -> None:
    found = decoded(random.Random(1).randbytes(1000))
    assert found.text.count("\ufffd") > 400
    assert found.guessed == "unknown"
