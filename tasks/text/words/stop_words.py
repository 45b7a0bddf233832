"""Words that say little, by language: they are neither indexed nor looked for."""

from __future__ import annotations

_LISTS = {
    "en": """
        a about an and are as at be been but by can could did do does for from had has have how i if in into is it its
        me my no not of on or our she should so such than that the their them then there these they this those to was
        we were what when where which while who whom whose why will with would you your he his her him am being
    """,
    "de": """
        aber als am an auch auf aus bei bin bis da das dass dem den der des die dies diese dieser dieses doch durch
        ein eine einem einen einer eines er es für hat hatte ich ihr ihre im in ist ja kann kein keine man mit nach
        nicht noch nur oder sein seine sich sie sind so über um und uns unter vom von vor wann war waren warum was
        welche welchem welchen welcher welches wenn wer werden wie wird wo wurde wurden zu zum zur
    """,
    "fr": """
        à au aux avec ce ces cette comment d dans de des du elle en est et été il ils je l la le les leur lui mais n
        ne nous on ont ou où par pas pour qu quand que quel quelle quelles quels qui s sa se ses son sont sur un une
        vous c j m t
    """,
    "es": """
        a al como cómo con cual cuál cuáles cuando cuándo de del donde dónde e el él ella en entre era es esta este
        fue ha han hay la las lo los más no o para pero por porque que qué quien quién se ser si sin sobre son su sus
        también un una uno y ya
    """,
    "it": """
        a ai al alla alle anche c che chi ci come con d da dal dalla dei del della delle di dove e è gli ha hanno i il
        in l la le lo ma nel nella non o per perché più quale quali quando quanto se si sono su sul un una uno
    """,
    "pt": """
        a à ao aos as às com como da das de do dos e é ela ele em entre era foi há mais mas na não nas no nos o onde
        os ou para pela pelo por qual quais quando que quem são se sem ser seu sua também um uma
    """,
    "nl": """
        aan als bij dan dat de der deze die dit door een en er had heeft het hij hoe hun ik in is kan maar met naar
        niet nog of om onder ook op over te tot uit van voor waar waarom wanneer was wat we welke werd wie wordt zijn
        zij ze
    """,
    "sv": """
        att av de den det där efter en ett för från ha han har hon hur i inte med men när och om på samt sig som till
        var vad vem är
    """,
    "da": """
        af at da de den der det du efter en er et for fra han har hun hvad hvem hvor hvordan i ikke med når og om på
        som til var
    """,
    "no": """
        av at da de den der det du en er et etter for fra han har hun hva hvem hvor hvordan i ikke med når og om på
        som til var
    """,
    "ru": """
        а без был была были было быть в во все где для до его ее если есть же за и из или их к как когда который ли на
        не но о об он она они от по под при с со так такое то только у что чтобы это кто какой какая какие
    """,
}

STOP_WORDS: dict[str, frozenset[str]] = {language: frozenset(words.split()) for language, words in _LISTS.items()}
"""By language (ISO 639-1), in lower case."""
