"""What answering machines say, and services that screen a call, in four languages."""

from __future__ import annotations

from dataclasses import dataclass

from .backchannel import Words, phrases_of


@dataclass(frozen=True, slots=True)
class Sayings:
    """Phrases of one language, each as its words."""

    machine: frozenset[Words]
    """Nobody but a machine says these to somebody who calls."""
    screening: frozenset[Words]
    """A service asks who calls, before the telephone rings or while it does."""
    unavailable: frozenset[Words]
    """Persons say these, too: they count where the whole is long."""


SAYINGS = {
    "en": Sayings(
        machine=phrases_of(
            """
            leave a message, leave your message, leave me a message, leave us a message,
            leave your name, leave a brief message, leave a short message, leave a detailed message,
            record your message, record a message, recording your message,
            after the tone, after the beep, at the tone, at the beep, sound of the tone,
            after the signal, voicemail, voice mail, voice mailbox, voice messaging,
            automated voice, answering machine, mailbox is full, mailbox of,
            you have reached, you've reached, has been forwarded, your call has been forwarded,
            please hang up, when you have finished recording, when you are finished recording,
            press one to leave, press pound, hang up or press, for more options,
            can't come to the phone, can't get to the phone, unable to come to the phone,
            unable to take your call, can't take your call, cannot take your call,
            we'll get back to you, i'll get back to you, i'll call you back as soon as
            """
        ),
        screening=phrases_of(
            """
            record your name, your name and reason, reason for calling, reason for your call,
            state your name, say your name, if this person is available,
            the person you're calling is using, the person you are calling is using,
            call screening, screening service
            """
        ),
        unavailable=phrases_of(
            """
            not available, is unavailable, isn't available, not here right now, not in right now,
            not at home, the person you are calling, the person you're calling,
            the person you are trying to reach, the number you have dialed, the subscriber
            """
        ),
    ),
    "de": Sayings(
        machine=phrases_of(
            """
            nach dem ton, nach dem signalton, nach dem piepton, nach dem piep, nach dem signal,
            hinterlassen sie, hinterlasst, hinterlass mir, nachricht hinterlassen,
            anrufbeantworter, mailbox, sprachbox, sprachnachricht, sie haben die nummer,
            rufen sie zurück, rufe sie zurück, rufe zurück, wir rufen zurück
            """
        ),
        screening=phrases_of("nennen sie ihren namen, grund ihres anrufs, grund für ihren anruf"),
        unavailable=phrases_of(
            """
            nicht erreichbar, nicht zu erreichen, nicht persönlich erreichbar, zurzeit nicht,
            im moment nicht, nicht zu hause, vorübergehend nicht, der teilnehmer,
            der gewünschte gesprächspartner
            """
        ),
    ),
    "fr": Sayings(
        machine=phrases_of(
            """
            après le bip, après le signal, après le bip sonore, après la tonalité,
            laissez un message, laissez moi un message, laissez nous un message,
            laisser un message, laissez votre message, laisser votre message,
            messagerie vocale, boîte vocale, la messagerie de, répondeur, sur le répondeur,
            vous êtes bien chez, vous êtes bien sur, je vous rappelle, nous vous rappellerons,
            je vous rappellerai, votre nom et votre numéro
            """
        ),
        screening=phrases_of("dites votre nom, motif de votre appel, raison de votre appel"),
        unavailable=phrases_of(
            """
            pas disponible, n'est pas disponible, indisponible, ne suis pas là, sommes absents,
            je suis absent, je suis absente, votre correspondant, pas joignable
            """
        ),
    ),
    "es": Sayings(
        machine=phrases_of(
            """
            después de la señal, después del tono, después del pitido, al oír la señal,
            tras la señal, deje un mensaje, deje su mensaje, deja un mensaje, deja tu mensaje,
            dejar un mensaje, déjame un mensaje, déjanos un mensaje, grabe su mensaje,
            buzón de voz, contestador, contestador automático, correo de voz,
            ha llamado a, te llamaré, le llamaremos, su nombre y número
            """
        ),
        screening=phrases_of("diga su nombre, motivo de su llamada, motivo de la llamada"),
        unavailable=phrases_of(
            """
            no está disponible, no estoy disponible, no disponible, no puedo atender,
            no podemos atender, no puede atender, en este momento no, no se encuentra
            """
        ),
    ),
}
"""By the language's code."""


def sayings_for(language: str) -> tuple[Sayings, ...]:
    """The tables of a language by its code; all, where it is not known or has none."""
    table = SAYINGS.get(language.partition("-")[0])
    return tuple(SAYINGS.values()) if table is None else (table,)
