"""German. Prepositions that are also the end of a verb (mach das Licht an) count for little."""

from __future__ import annotations

from .table import Table, phrases, words

_DIGITS = words("null eins ein zwei zwo drei vier fünf sechs sieben acht neun")

TABLE = Table(
    wanting=words(
        "der die das den dem des ein eine einen einem einer eines mein meine meinen meinem meiner "
        "dein deine deinen sein seine seinen ihr ihre ihren unser unsere unseren euer eure kein "
        "keine keinen und oder aber denn weil dass ob wenn sondern sowie bis für von vom zum zur "
        "beim im am ins ans bei seit gegen ohne zwischen während wegen trotz als wie sehr ganz "
        "ziemlich dieser diese dieses diesen jeder jede jedes jeden einige mehrere viele"
    ),
    leaning=words(
        "ich wir er sie man bin bist ist sind seid war waren habe hast hat haben hatte wird werde "
        "werden würde will möchte möchten kann können könnte könnten soll sollte muss darf mag "
        "nur auch noch schon nicht vielleicht was wer wo wann warum welche welcher welches "
        "brauche suche nehme"
    ),
    either=words("an auf aus ab zu mit nach vor über unter um durch ein los hin her da so es"),
    hesitations=phrases(
        "äh, ähm, öhm, hm, hmm, mh, also, na ja, naja, ja also, ich meine, sagen wir, "
        "wie sagt man, mal sehen, moment, warte, warte mal, einen moment, sozusagen, halt, quasi, "
        "weißt du, wie heißt es"
    ),
    answers=phrases(
        "ja, nein, nee, doch, okay, ok, gut, genau, richtig, klar, danke, danke schön, "
        "vielen dank, bitte, ja bitte, nein danke, hallo, guten tag, guten morgen, guten abend, "
        "gute nacht, tschüss, auf wiedersehen, stopp, halt, abbrechen, weiter, nochmal, hilfe, "
        "vielleicht, natürlich, stimmt, das ist alles, das war alles, ich weiß nicht, verstanden, "
        "wie geht es dir, wie geht es ihnen, was, wer, wo, wann, warum, wie"
    ),
    closings=phrases("bitte, danke, vielen dank, danke schön, tschüss, oder nicht, nicht wahr"),
    digits=_DIGITS,
    numbers=_DIGITS
    | words(
        "zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn zwanzig "
        "dreißig vierzig fünfzig sechzig siebzig achtzig neunzig hundert tausend million"
    ),
    multipliers={"doppel": 2, "doppelt": 2},
    dictated=words(
        "nummer telefonnummer handynummer rufnummer kontonummer kundennummer bestellnummer telefon "
        "handy code pin passwort kennwort postleitzahl plz adresse iban kennzeichen karte "
        "kartennummer buchstabiere buchstabiert geschrieben"
    ),
    codes=words("code pin postleitzahl plz"),
    lone_letters=words("o"),
    growing=words("hundert tausend million"),
    asking=words("was wer wen wem wo wohin woher wann warum wieso weshalb wie welche welcher"),
    auxiliaries=words(
        "ist sind bist war hast hat haben kann kannst können könnte könntest könnten soll sollte "
        "wird wirst willst würdest möchtest darf muss gibt"
    ),
    being=words("ist sind bist war"),
    subjects=words("ich du wir ihr er sie es man"),
    commands=words(
        "mach mache schalte stell stelle spiel spiele zeig zeige sag sage such suche ruf rufe "
        "schick schicke buche bestell bestelle erinnere lies öffne schließ schließe gib hilf "
        "erkläre übersetze stopp"
    ),
    requests=phrases(
        "ich möchte, ich hätte gern, ich hätte gerne, ich will, ich brauche, ich nehme, ich suche, "
        "ich würde gern, ich würde gerne, wir möchten, wir hätten gern, wir brauchen, wir suchen"
    ),
    openers=words("wenn weil obwohl falls nachdem bevor während sobald da"),
)
