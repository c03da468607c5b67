"""OpenAI's HTTP API, as far as a voice server can serve it: what stock clients ask below /v1."""
