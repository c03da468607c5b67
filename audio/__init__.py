"""PCM audio without any I/O: its one rate inside, levels, resampling, WAV files."""
