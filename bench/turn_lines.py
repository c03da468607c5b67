"""What is said in the set of `bench/turn_set.py`. `|` is where a speaker pauses; a question mark at
the end is for the voice's melody. Written by hand for this purpose, by the same people as the rules
that are measured with them: a reason to believe real speech more."""

from __future__ import annotations

WHOLE = """
yes
no thanks
okay
that is all
good morning
thank you very much
what is the weather like today?
how are you?
when does the last train leave for london?
can you tell me the time?
is the museum open on sunday?
where did i park the car?
do i have any new messages?
who wrote this song?
how long does it take to cook an egg?
could you turn the music down please?
what is two hundred divided by eight?
are there any flights to rome tonight?
turn on the lights in the kitchen
set a timer for ten minutes
play some quiet music in the bedroom
remind me to call my mother tomorrow morning
add milk and bread to the shopping list
stop the music
open the front door
send a message to my brother
cancel my appointment on friday
show me the way to the station
wake me up at seven
call doctor miller
i would like to book a room for three nights
i need to buy some bread on the way home
i have lost my keys
my name is peter
we are going to the beach this weekend
she lives in a small town near the sea
the second one is better
i do not understand the question
it was really cold last night
i live in berlin
that sounds like a good idea
he works at the hospital
my flight leaves at nine thirty
the code is eight two zero six
my number is nine one four seven seven zero three
i was born in nineteen eighty four
it costs twenty five dollars
room three hundred and twelve
i think we should leave now
nobody told me about the meeting
you can pay with a card
they arrived two hours late
never mind
i am looking for a good restaurant near the river
"""

PAUSED = """
i would like a | table for two tomorrow evening
i want to fly to | paris next week
turn on the lights in the kitchen and | close the blinds
could you send a message to my | brother please
what is the weather like in | london today?
i need to um | cancel my appointment
i was looking for uh | a present for my sister
my number is five five five | two three six eight
the code is four seven | one nine
can you find me a | cheap hotel near the station?
i would like a large | pizza with mushrooms
i think we should | leave before the rain
remind me to call the | doctor on monday morning
set a timer for | twenty minutes
play something by | the rolling stones
well | i am not sure about that
let me see | the one on the left please
is there a train from | manchester to london?
i can not come because | my car is broken
we could meet at the | old station at noon
how do i get from here to | the nearest hospital?
she said that | the shop was closed
it costs about | forty dollars
do you have any | vegetarian dishes?
i have been waiting for | more than an hour
please add eggs and | butter to the list
the man with the | red hat is my uncle
i want you to um | read the last message again
if it rains tomorrow | we will stay at home
when i get home | turn on the heating
my address is seventeen | green street
i would rather have the | other one
tell me more about | the history of rome
the meeting is on the | third of november
so | what do you think about it?
can you tell me whether | the bank is open?
i would like a coffee | with milk and sugar
turn on the lights | in the living room
i live in berlin | near the river
what is the weather like | in paris tomorrow?
send a message to my brother | that i will be late
i need a taxi | for three people at eight
set an alarm | for half past six
we went to the beach | but it was too cold
book a table for two | at the italian restaurant
i like this song | it reminds me of home
yes | that would be great
no | the other one please
i lost my keys | somewhere in the park
call my mother | on her mobile phone
is the museum open | on public holidays?
my flight leaves at nine | from the second terminal
he works at the hospital | as a nurse
play some music | from the eighties
"""


def whole() -> list[str]:
    """Turns without a pause."""
    return WHOLE.strip().splitlines()


def paused() -> list[tuple[str, str]]:
    """Turns with one pause: what is said before it, and behind it."""
    halves = (line.split(" | ") for line in PAUSED.strip().splitlines())
    return [(before, after) for before, after in halves]


FINISHED_LOOKING = 18
"""So many of the paused lines, the last ones, could be complete where the speaker pauses."""
