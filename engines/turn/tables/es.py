"""Spanish."""

from __future__ import annotations

from .table import Table, phrases, words

_DIGITS = words("cero uno dos tres cuatro cinco seis siete ocho nueve")

TABLE = Table(
    wanting=words(
        "el la los las un una unos unas mi mis tu tus su sus nuestro nuestra al del de a en con "
        "sin por para desde hasta entre sobre contra durante según y e o u pero porque aunque "
        "que si como cuando donde mientras muy tan más cada algún alguna ningún ninguna este esta "
        "ese esa estos estas varios varias lo le les se me te nos"
    ),
    leaning=words(
        "yo nosotros ellos ellas es son soy eres está están estoy era hay ha han he hemos había "
        "puede puedo puedes podría quiero quiere quisiera necesito tengo tiene voy va debe debo "
        "no ya solo sólo también quizás tal qué quién dónde cuál cómo cuándo"
    ),
    either=words("antes después dentro fuera todo eso esto así aquí allí"),
    hesitations=phrases(
        "eh, em, mm, hm, este, esto, pues, bueno, o sea, a ver, vamos a ver, es que, "
        "cómo se dice, déjame ver, déjame pensar, espera, un momento, digamos, quiero decir, "
        "entonces"
    ),
    answers=phrases(
        "sí, si, no, vale, ok, okay, claro, bueno, bien, perfecto, exacto, correcto, gracias, "
        "muchas gracias, no gracias, sí por favor, hola, buenos días, buenas tardes, "
        "buenas noches, adiós, hasta luego, para, basta, cancelar, cancela, sigue, otra vez, "
        "ayuda, quizás, por supuesto, de acuerdo, eso es todo, no sé, no lo sé, entendido, "
        "qué, quién, dónde, cuándo, por qué, cómo, cómo estás, qué tal"
    ),
    closings=phrases("por favor, gracias, muchas gracias, adiós, verdad, también, nada más"),
    digits=_DIGITS,
    numbers=_DIGITS
    | words(
        "diez once doce trece catorce quince dieciséis diecisiete dieciocho diecinueve veinte "
        "treinta cuarenta cincuenta sesenta setenta ochenta noventa cien ciento mil millón"
    ),
    multipliers={"doble": 2, "triple": 3},
    dictated=words(
        "número teléfono móvil celular cuenta tarjeta código pin contraseña clave postal dirección "
        "referencia matrícula iban extensión deletreo deletrea"
    ),
    codes=words("código pin clave postal extensión"),
    lone_letters=words("a e o u y"),
    growing=words("treinta cuarenta cincuenta sesenta setenta ochenta noventa ciento mil"),
    asking=words("qué quién quiénes dónde adónde cuándo cómo cuál cuáles cuánto cuánta cuántos"),
    commands=words(
        "pon enciende apaga abre cierra llama envía manda muestra dime dame busca reserva pide "
        "compra añade borra recuérdame lee cancela repite explica traduce ayúdame reproduce para"
    ),
    requests=phrases(
        "quiero, quisiera, querría, me gustaría, necesito, busco, estoy buscando, queremos, "
        "necesitamos, póngame, deme, dame, me pone"
    ),
    openers=words("si cuando porque aunque mientras como"),
)
