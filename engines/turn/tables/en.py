"""English."""

from __future__ import annotations

from .table import Table, phrases, words

_DIGITS = words("zero oh one two three four five six seven eight nine")

_TEENS = words("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")

_GROWING = words("twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million")

_DETERMINERS = words(
    "a an the my your his its our their this these those some any every each another no which "
    "next last first"
)

TABLE = Table(
    wanting=words(
        "a an the my your his its our their some any every each another several many few both "
        "and or but nor because although though unless whether if than as that's what's "
        "of to from with without into onto upon between among against towards toward during "
        "until till per via about at by for since despite except regarding including like "
        "very quite rather extremely fairly whose i'm we're they're you're he's she's i've we've "
        "i'll we'll you'll they'll he'll she'll i'd we'd let's gonna wanna point dot there's "
        "where's who's how's when while mister mrs doctor saint"
    ),
    leaning=words(
        "i we they he she is are was were am be been being will would could should can may might "
        "must shall do does did has have had isn't aren't wasn't don't doesn't didn't won't "
        "wouldn't couldn't shouldn't can't cannot "
        "which who what where why how "
        "want need wants needs prefer take get give gave send bring put make buy tell show find "
        "set book play add remind ask let said say says "
        "just also only really maybe perhaps even still not never always usually probably "
        "these those next other only "
        "near under behind beside beyond across along toward within "
        "it's"
    ),
    either=words(
        "no in on off up down out over through around back after before again too so then there "
        "that this her one more less most all half such know think see go come call order "
        "open close search help try"
    ),
    hesitations=phrases(
        "um, uh, uhm, umm, er, erm, hmm, hm, mm, ah, oh, well, so, like, i mean, you know, "
        "let me see, let me think, let's see, how do i say, what was it, kind of, sort of, "
        "hold on, wait, hang on, one moment, just a second, i guess, i think, anyway, "
        "actually, basically, or something like"
    ),
    answers=phrases(
        "yes, yeah, yep, yup, no, nope, nah, okay, ok, sure, right, alright, all right, fine, "
        "good, great, perfect, exactly, correct, absolutely, definitely, of course, thanks, "
        "thank you, thank you very much, thanks a lot, no thanks, no thank you, yes please, "
        "hello there, hi there, do it, do that, i do not know, "
        "hello, hi, hey, good morning, good evening, good afternoon, good night, goodbye, bye, "
        "bye bye, see you, stop, cancel, continue, go on, go ahead, next, again, repeat, help, "
        "never mind, not really, not yet, maybe, me too, i do, i am, i don't, i will, i did, "
        "i can, i have, i know, i see, i think so, i don't know, i don't think so, yes i do, "
        "yes i am, no i don't, no i'm not, i'm not, that's all, that's it, that is all, "
        "that is it, that's right, that's fine, sounds good, what, who, why, where, when, how, "
        "pardon, sorry, excuse me, got it, i understand, not now, later, today, tomorrow, none, "
        "how are you, who are you, what is that, what was that, what's that, not at all"
    ),
    closings=phrases(
        "please, thank you, thanks, thank you very much, goodbye, bye, as well, instead, "
        "right now, right away, immediately, if you can, if possible, that's all, that is all, "
        "you please, isn't it, don't you, aren't you, doesn't it, right, okay"
    ),
    digits=_DIGITS,
    numbers=_DIGITS | _TEENS | _GROWING,
    multipliers={"double": 2, "triple": 3},
    dictated=words(
        "number numbers phone telephone mobile cell extension account card code pin passcode "
        "password zip postcode postal address reference serial licence license plate iban "
        "spell spelled spelt spelling"
    ),
    codes=words("code pin passcode zip postcode postal extension"),
    like_digits=words(
        "to too for fore free tree won ate late it night knight sex sick sicks save heaven eighth "
        "sixth seventh sevens"
    ),
    lone_letters=words("a i o"),
    growing=_GROWING,
    asking=words(
        "what where when who whose whom why how which what's where's who's how's when's why's"
    ),
    stranded=words("like for from to with about at of on in by into after"),
    auxiliaries=words(
        "is are was were am do does did have has had can could will would shall should may might "
        "must isn't aren't wasn't don't doesn't didn't won't wouldn't couldn't can't"
    ),
    being=words("is are was were am"),
    subjects=words("i you we they he she it there"),
    commands=words(
        "turn switch set play stop start open close call send show tell give find search book "
        "order buy add remove delete remind wake read write make put take bring go look check "
        "cancel repeat explain describe translate help let please pause skip save dim lock unlock "
        "increase decrease raise lower change schedule move count spell wait"
    ),
    requests=phrases(
        "i would like, i'd like, i'd love, i would love, i want, i need, i'll have, i will have, "
        "i'll take, i'll get, i will take, i'm looking for, i am looking for, i have a question, "
        "we would like, we'd like, we want, we need, we'll have, let me get, let me have, "
        "give me, tell me, show me, get me"
    ),
    openers=words("if when because although though while since unless once whenever as before"),
    determiners=_DETERMINERS,
    adjectives=words(
        "new old big small large little great good nice bad long short high low hot cold warm "
        "cool red blue green yellow black white brown grey gray fresh quick fast slow cheap "
        "expensive italian french german spanish chinese indian american english local early "
        "late large medium extra whole single double quiet loud dark bright young best better "
        "first second third last next same other different really very nearest closest main "
        "important few couple"
    ),
)
