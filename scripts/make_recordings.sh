#!/bin/sh
# Makes examples/audio/*.wav and words.txt. Needs Debian's flite and sox:
#
#     apt-get install flite sox && scripts/make_recordings.sh [folder]
#
# Every step is deterministic (flite has no randomness, sox runs with -R and
# without dither), so the same package versions give the same bytes: flite 2.2-5,
# sox 14.4.2+git20190427-3.5.
set -eu

out=${1:-"$(dirname "$0")/../examples/audio"}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
mkdir -p "$out"
: > "$out/words.txt"

# record NAME VOICE STRETCH WORDS: one utterance between 300 ms of lead and 1 s of tail.
record() {
    flite -voice "$2" --setf duration_stretch="$3" -t "$4" -o "$work/spoken.wav"
    # Cut flite's own silence at both ends, bring the peak to -3 dBFS, add ours.
    sox -R -D "$work/spoken.wav" -r 16000 -b 16 -c 1 "$work/clean.wav" \
        silence 1 0.02 0.5% reverse silence 1 0.02 0.5% reverse \
        gain -n -3 pad 0.3 1.0
    # A room is never digitally silent: white noise at about -72 dBFS under all of it.
    sox -R -D -n -r 16000 -b 16 -c 1 "$work/room.wav" \
        synth "$(soxi -D "$work/clean.wav")" whitenoise vol 0.0008
    # RIFF only, no comment chunk: the bytes depend on the sound alone.
    sox -R -D -m -v 1 "$work/clean.wav" -v 1 "$work/room.wav" \
        --comment "" -b 16 "$out/$1.wav"
    printf '%s.wav\t%s\n' "$1" "$4" >> "$out/words.txt"
}

record 1-weather rms 1.0 "what is the weather like today"
record 2-umbrella slt 1.05 "could you please tell me what the weather will be like in london on sunday afternoon and if i need to take an umbrella"
record 3-timer awb 1.0 "set a timer for ten minutes"
record 4-lights slt 1.0 "please turn on the lights in the kitchen"
record 5-restaurant rms 1.0 "i am looking for a good restaurant near the train station"
record 6-shopping awb 1.0 "i need to buy some bread and milk on the way home"
record 7-message slt 1.0 "please send a message to my brother and tell him that i will be late"
record 8-mother awb 1.0 "remind me to call my mother tomorrow morning"
