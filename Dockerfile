# Parley in an image. docs/DOCKER.md says how to build it and how to run it.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PARLEY_MODELS_DIR=/opt/models
WORKDIR /src
COPY . .
RUN python -m venv /opt/parley
# Piper is GPL-3.0-or-later; with INSTALL=. it is left out.
ARG INSTALL=.[piper]
RUN /opt/parley/bin/pip install --constraint constraints.txt "${INSTALL}"
# Names for `parley models pull`. With MODELS= there are none in the image, and they come by the
# volume: `docker run -v parley-models:/opt/models parley parley models pull defaults`.
ARG MODELS=defaults
RUN mkdir -p /opt/models && for model in ${MODELS}; do /opt/parley/bin/parley models pull "${model}" || exit 1; done

FROM python:${PYTHON}-slim
RUN useradd --uid 10001 --user-group --create-home parley && install -d -o parley -g parley /recordings /opt/models
COPY --from=build /opt/parley /opt/parley
COPY --from=build --chown=10001:10001 /opt/models /opt/models
# Inside a container 127.0.0.1 is the container alone; `docker run -p` decides who can reach it.
ENV PATH=/opt/parley/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    STREAM_LOG_FORMAT=json \
    PARLEY_HOST=0.0.0.0 \
    PARLEY_PORT=8084 \
    PARLEY_MODELS_DIR=/opt/models
USER 10001:10001
WORKDIR /home/parley
VOLUME /recordings
EXPOSE 8084
# The server stops gracefully; give it longer than STREAM_DRAIN_S before it is killed.
STOPSIGNAL SIGTERM
# Over TLS where PARLEY_TLS_CERT is set; a server that is full or drains is healthy.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-m", "parley.client.health"]
CMD ["parley", "serve"]
