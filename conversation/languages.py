"""The languages that Whisper knows, by the codes that it uses, and a check that helps to mend one.

They are written out here so that settings can be checked without loading a recognizer; a test
compares them with faster-whisper's.
"""

from __future__ import annotations

from difflib import get_close_matches

AUTO = "auto"
"""Stands for: let the model find out, each time."""

_LISTED = (
    "af afrikaans,am amharic,ar arabic,as assamese,az azerbaijani,ba bashkir,be belarusian,"
    "bg bulgarian,bn bengali,bo tibetan,br breton,bs bosnian,ca catalan,cs czech,cy welsh,"
    "da danish,de german,el greek,en english,es spanish,et estonian,eu basque,fa persian,"
    "fi finnish,fo faroese,fr french,gl galician,gu gujarati,ha hausa,haw hawaiian,he hebrew,"
    "hi hindi,hr croatian,ht haitian creole,hu hungarian,hy armenian,id indonesian,"
    "is icelandic,it italian,ja japanese,jw javanese,ka georgian,kk kazakh,km khmer,"
    "kn kannada,ko korean,la latin,lb luxembourgish,ln lingala,lo lao,lt lithuanian,"
    "lv latvian,mg malagasy,mi maori,mk macedonian,ml malayalam,mn mongolian,mr marathi,"
    "ms malay,mt maltese,my myanmar,ne nepali,nl dutch,nn nynorsk,no norwegian,oc occitan,"
    "pa punjabi,pl polish,ps pashto,pt portuguese,ro romanian,ru russian,sa sanskrit,"
    "sd sindhi,si sinhala,sk slovak,sl slovenian,sn shona,so somali,sq albanian,sr serbian,"
    "su sundanese,sv swedish,sw swahili,ta tamil,te telugu,tg tajik,th thai,tk turkmen,"
    "tl tagalog,tr turkish,tt tatar,uk ukrainian,ur urdu,uz uzbek,vi vietnamese,yi yiddish,"
    "yo yoruba,yue cantonese,zh chinese"
)

LANGUAGES: dict[str, str] = dict(entry.split(" ", 1) for entry in _LISTED.split(","))
"""Code to English name. A name may hold a blank."""


def check_language(code: str) -> str:
    """The code itself where Whisper knows it, or `auto`.

    Raises ValueError, whose one line names what was probably meant.
    """
    if code == AUTO or code in LANGUAGES:
        return code
    meant = likely_language(code) or f"known are {AUTO} and {', '.join(LANGUAGES)}"
    raise ValueError(f"{code!r} is no language code of Whisper; {meant}")


def likely_language(code: object) -> str:
    """`did you mean en (english)?` where something like it is known; else nothing."""
    near = _near(code.strip().lower()) if isinstance(code, str) else []
    names = ", ".join(f"{found} ({LANGUAGES[found]})" for found in near)
    return f"did you mean {names}?" if names else ""


def _near(code: str) -> list[str]:
    """Codes that may have been meant: by `en-US`, by `english`, by `enn`."""
    base = code.replace("_", "-").split("-")[0]
    if base in LANGUAGES:
        return [base]
    by_name = {name: found for found, name in LANGUAGES.items()}
    by_name |= {name.split()[0]: found for name, found in by_name.items()}  # haitian creole
    names = get_close_matches(code, by_name, n=2, cutoff=0.75)
    return [by_name[name] for name in names] or get_close_matches(base, LANGUAGES, n=3, cutoff=0.6)


def languages_of(listed: str) -> tuple[str, ...]:
    """The codes of a list with commas or blanks between them. Raises ValueError."""
    codes = listed.lower().replace(",", " ").split()
    if AUTO in codes:
        raise ValueError(f"{AUTO} is no language to choose from")
    return tuple(dict.fromkeys(check_language(code) for code in codes))


def base_language(code: str) -> str:
    """The language alone, as recognizers call it: "en" of "en-gb", "zh" of "cmn"."""
    base = code.strip().lower().replace("_", "-").split("-")[0]
    return ELSEWHERE.get(base, base)


ELSEWHERE = {"cmn": "zh", "nb": "no", "jv": "jw", "iw": "he", "fil": "tl"}
"""How voices call languages, and how recognizers do."""


def code_of(told: object) -> str | None:
    """The code that some other program's word for a language means: "German", "de-AT"; None where
    it means none."""
    word = told.strip().lower() if isinstance(told, str) else ""
    by_name = {name: code for code, name in LANGUAGES.items()}
    code = by_name.get(word) or base_language(word)
    return code if code in LANGUAGES else None


def name_of(code: str) -> str:
    """As people write it: "German"; the code itself where nobody knows it."""
    return LANGUAGES.get(code, code).title()
