"""The tables of backchannel.py: what listeners say to go on, and what ends a reply at once.

A phrase is in the first list where it asks for nothing, in the second where it may also stand
beside such ("okay stop"). What is in neither interrupts anyway. What is an answer, or an end, as
often as a sign of listening (German "doch", "thank you") is in no first list. The noises are how a
hum is written, and what pocketsphinx made of the sounds of client/noises.py and of hums and vowels
of 100 ms to 2.4 s at several pitches.
"""

from __future__ import annotations

from .backchannel import Table, phrases_of

HEARD_AS = """
    ah, ah ha, ha, hum, yet, sharp, oh cute
"""
"""What pocketsphinx makes of English backchannels by five espeak voices: "uh-huh" (ah), "mhm" (ah
ha), "hmm" (ha, hum), "yeah" and "yep" (yet), "sure" (sharp), "okay" (oh cute). Not taken are "oh",
which is what it hears of "no" too, and "you" and "are you", which are beginnings of much."""

# "Short up" and the like stand among the interruptions: Moonshine makes them of "shut up".

HUMS = phrases_of("mm, mmm, hm, hmm, hmmm, hum, m, uh, um, äh, ähm, eh, euh")
"""How a hum, or a hesitation, is written in other languages than English."""

ENGLISH = Table(
    backchannels=phrases_of(
        """
        mm, mmm, mhm, mhmm, mm-hm, mm-hmm, mmhm, mmhmm, mm-mm, uh-huh, uhhuh, aha, hm, hmm, hmmm
        yeah, yea, yep, yup, yes, right, okay, ok, o k, okey, sure, alright, all right, fine
        exactly, true, indeed, absolutely, definitely, great, good, cool, nice, wow, really, perfect
        i see, i know, i understand, understood, got it, gotcha, makes sense, that makes sense
        go on, go ahead, keep going, of course, for sure, sounds good
        oh okay, oh yeah, oh yes, oh right, oh i see, oh wow, oh really, ah okay, ah i see
        that's right, that's true, that's good, you're right
        """
        + HEARD_AS
    ),
    interruptions=phrases_of(
        """
        stop, wait, no, nope, nah, hold on, hold it, hang on, shut up, quiet, silence, hush, cancel
        abort, enough, that's enough, never mind, forget it, pause, but, actually, however
        excuse me, sorry, listen, hey, one moment, a moment, one second, a second, just a minute
        wrong, that's wrong, not that, don't, what, why, how, who, where, when
        short up, shortup, short of
        """
    ),
    beeps=phrases_of("what, why, how, who, where, when, but"),
    silences=phrases_of(
        """
        stop, shut up, be quiet, quiet, silence, hush, cancel, abort, enough, that's enough
        never mind, forget it, pause
        """
    ),
    noises=phrases_of(
        """
        mm, mmm, hm, hmm, hmmm, hum
        a, ah, all, and, at, aw, awe, eh, er, ha, he, her, huh, i, it, oh, ooh, or
        sh, she, shh, the, uh, um, wall, well, you
        """
    ),
)

GERMAN = Table(
    backchannels=phrases_of(
        """
        mhm, mmhm, mm-hm, mm, hm, hmm, aha, ah, ach, ach so, achso, ach ja, ah ja, oh ja
        ja, jaja, jap, jo, jep, genau, okay, ok, gut, sehr gut, schön, super, toll, prima, klar
        na klar, alles klar, sicher, natürlich, stimmt, das stimmt, richtig, eben, verstehe
        ich verstehe, verstanden, ich weiß, weiß ich, weiter, mach weiter, red weiter, sprich weiter
        wirklich, echt, in ordnung, einverstanden
        """
    ),
    interruptions=phrases_of(
        """
        stopp, stop, halt, warte, warten sie, wart mal, moment, einen moment, sekunde, augenblick
        nein, nee, nö, ne, aber, doch, eigentlich, still, sei still, ruhe, leise, schweig, schluss
        klappe, hör auf, hören sie auf, aufhören, abbrechen, abbruch, genug, es reicht, reicht
        falsch, vergiss es, entschuldigung, hör zu, pause, was, wieso, warum, wie, wer, wo, wann
        """
    ),
    silences=phrases_of(
        """
        stopp, stop, halt, still, sei still, ruhe, leise, schluss, hör auf
        hören sie auf, aufhören, abbrechen, genug, es reicht, vergiss es, pause
        """
    ),
    noises=HUMS,
)

SPANISH = Table(
    backchannels=phrases_of(
        """
        mm, mhm, mm-hm, hm, ajá, aja, ah, ah ya, ah sí, ah vale, sí, si, ya, claro, claro que sí
        vale, bien, muy bien, bueno, okay, ok, okey, de acuerdo, entiendo, entendido, comprendo
        ya veo, ya sé, lo sé, exacto, exactamente, eso, eso es, así es, cierto, es cierto, correcto
        por supuesto, desde luego, perfecto, genial, sigue, siga, continúa, adelante
        """
    ),
    interruptions=phrases_of(
        """
        para, pare, alto, stop, espera, espere, no, basta, ya basta, cállate, cállese, calla
        silencio, cancela, cancelar, detente, pero, en realidad, un momento, un segundo, momento
        perdón, perdona, disculpa, oye, escucha, olvídalo, suficiente, pausa, qué, por qué, cómo
        quién, dónde, cuándo
        """
    ),
    silences=phrases_of(
        """
        para, pare, alto, stop, basta, ya basta, cállate, cállese, calla, silencio
        cancela, detente, olvídalo, pausa
        """
    ),
    noises=HUMS,
)

FRENCH = Table(
    backchannels=phrases_of(
        """
        mm, mhm, mm-hm, hm, hum, hum hum, ah, ah oui, ah bon, ah d'accord, aha, oui, oui oui, ouais
        d'accord, ok, okay, bien, très bien, bien sûr, je vois, je comprends, compris, je sais
        entendu, exact, exactement, tout à fait, c'est ça, c'est vrai, voilà, parfait, super, génial
        continue, continuez, vas-y, allez-y, ça marche, en effet, absolument
        """
    ),
    interruptions=phrases_of(
        """
        stop, arrête, arrêtez, attends, attendez, non, tais-toi, taisez-vous, silence, chut
        annule, annuler, annulez, mais, si, en fait, un instant, un moment, une seconde, une minute
        ça suffit, suffit, assez, pardon, excusez-moi, excuse-moi, écoute, écoutez, laisse tomber
        pause, faux, quoi, pourquoi, comment, qui, où, quand
        """
    ),
    silences=phrases_of(
        """
        stop, arrête, arrêtez, tais-toi, taisez-vous, silence, chut, annule, annulez
        ça suffit, suffit, assez, pause
        """
    ),
    noises=HUMS,
)

TABLES = {"en": ENGLISH, "de": GERMAN, "es": SPANISH, "fr": FRENCH}


def table_for(language: str) -> Table | None:
    """By a language's code, with or without a region ("en", "de-AT"); None where there is none, as
    for "auto"."""
    return TABLES.get(language.casefold().replace("_", "-").split("-")[0])
