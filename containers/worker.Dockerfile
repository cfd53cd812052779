# Workers of a cluster, with Beamscribe and all that it needs. Build it in the checkout:
#   docker build -f containers/worker.Dockerfile -t REGISTRY/beamscribe-worker .
# Both versions have to be those of the Python that starts the job.
ARG PYTHON_VERSION=3.12
ARG BEAM_VERSION=2.77.0
FROM apache/beam_python${PYTHON_VERSION}_sdk:${BEAM_VERSION}

COPY setup.py pyproject.toml README.md pytest_beamscribe.py /opt/beamscribe/
COPY transforms /opt/beamscribe/transforms
COPY pipeline /opt/beamscribe/pipeline
COPY configs /opt/beamscribe/configs
# No decoder, compiler or system package: the wheels have all of it.
RUN pip install --no-cache-dir --prefer-binary '/opt/beamscribe[objects,redis]' \
    && rm -r /opt/beamscribe \
    && python -c 'import pipeline.job'

# Keys of the account are no part of an image. A worker takes them from its environment or from
# /etc/tencentcloud/credentials, where a secret is mounted. The entry point stays Beam's own.
