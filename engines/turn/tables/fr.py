"""French."""

from __future__ import annotations

from .table import Table, phrases, words

_DIGITS = words("zéro un deux trois quatre cinq six sept huit neuf")

TABLE = Table(
    wanting=words(
        "le la les l' une des du de d' mon ma mes ton ta tes son sa ses notre nos votre vos leur "
        "leurs ce cet cette ces à au aux en dans par pour avec sans chez vers entre sur sous "
        "depuis pendant jusque jusqu'à contre et ou mais donc car parce que qu' qui si comme "
        "quand lorsque très plus moins trop assez chaque quelques plusieurs aucun aucune je j' "
        "nous on me te se ne"
    ),
    leaning=words(
        "il elle ils elles est sont suis es était c'est c'était ai as avons avez ont avait peux "
        "peut pouvez pourrais pourriez veux veut voulez voudrais dois doit faut vais va aussi "
        "seulement peut-être quel quelle quels quelles où comment pourquoi j'ai il un y"
    ),
    either=words("avant après dedans dehors ça cela tout tous là ici alors pas vous"),
    hesitations=phrases(
        "euh, heu, hum, hm, ben, bah, bon, alors, enfin, donc, voyons, voyons voir, comment dire, "
        "attends, attendez, un instant, tu vois, vous savez, tu sais, je veux dire, en fait, "
        "disons, c'est-à-dire"
    ),
    answers=phrases(
        "oui, ouais, non, si, d'accord, ok, okay, bien, très bien, parfait, exactement, merci, "
        "merci beaucoup, non merci, oui merci, s'il vous plaît, s'il te plaît, bonjour, salut, "
        "bonsoir, bonne nuit, au revoir, stop, arrête, annule, continue, encore, à l'aide, aide, "
        "peut-être, bien sûr, c'est tout, c'est bon, je ne sais pas, je sais pas, compris, quoi, "
        "qui, où, quand, pourquoi, comment, ça va, comment ça va, pas encore"
    ),
    closings=phrases(
        "s'il vous plaît, s'il te plaît, merci, merci beaucoup, au revoir, n'est-ce pas, aussi"
    ),
    digits=_DIGITS - words("un"),
    numbers=_DIGITS - words("un")
    | words(
        "dix onze douze treize quatorze quinze seize vingt trente quarante cinquante soixante "
        "quatre-vingts cent mille million"
    ),
    multipliers={"double": 2, "triple": 3},
    dictated=words(
        "numéro téléphone portable compte carte code pin postal adresse référence plaque iban "
        "poste épelle épeler"
    ),
    codes=words("code pin postal poste"),
    lone_letters=words("a à y ô"),
    growing=words("vingt trente quarante cinquante soixante cent mille"),
    asking=words("que quoi qui où quand comment pourquoi combien quel quelle quels quelles"),
    commands=words(
        "allume éteins ouvre ferme appelle envoie montre dis donne cherche trouve réserve "
        "commande achète ajoute supprime rappelle lis mets joue annule répète explique traduis "
        "aide arrête"
    ),
    requests=phrases(
        "je voudrais, je veux, j'aimerais, je prends, je prendrai, il me faut, j'ai besoin, "
        "je cherche, nous voudrions, on voudrait, donnez-moi, donne-moi"
    ),
    openers=words("si quand lorsque parce comme puisque"),
)
