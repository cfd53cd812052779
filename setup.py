"""Beamscribe: batch transcription on Apache Beam.

The packages lie at the top level, `transforms` and `pipeline`, so that
``--setup_file`` installs both on workers; beside them lies the plugin for pytest. Why
each dependency is here stands in docs/dependencies.md.
"""

from pathlib import Path

from setuptools import setup

SPHINX = ["pocketsphinx>=5.0.4,<5.1"]  # 5.1 has no wheels for Python 3.10 and 3.12
BENCHMARKS = [
    "auditok>=0.5",
    "imageio-ffmpeg>=0.6",
]
YAML = [  # what apache-beam[yaml] asks for, with its limits
    "docstring-parser>=0.15,<1",
    "jsonschema>=4,<5",
    "pandas>=2.1,<2.4",
    "quickjs-ng>=0.14,<1",
    "virtualenv-clone>=0.5,<1",
]
REDIS = [
    "redis>=5",
]
OBJECTS = [
    "boto3>=1.34",
    "obstore>=0.11,<0.13",
]
TEST = [
    *OBJECTS,
    *REDIS,
    *SPHINX,
    *YAML,
    "auditok>=0.5",
    "cryptography>=42",
    "datasets>=3",
    "duckdb>=1",
    "hypothesis>=6.100",
    "moto[s3,server]>=5",
    "mypy>=2,<3",
    "pytest>=8,<9.2",  # with 9.2 pytest-xdist 3.8 forgets which tests share a worker
    "pytest-timeout>=2.3",
    "pytest-xdist>=3.6",
    "ruff>=0.17,<0.18",
    "setuptools>=65",
    "tencentcloud-sdk-python-asr>=3.0.1300",
    "types-PyYAML",
]

setup(
    name="beamscribe",
    version="0.1.0",
    description="Batch transcription on Apache Beam with Tencent Cloud SentenceRecognition",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    python_requires=">=3.10,<3.14",
    packages=["transforms", "transforms.models", "pipeline", "pipeline.service", "pipeline.configs"],
    py_modules=["pytest_beamscribe"],
    package_dir={"pipeline.configs": "configs"},
    package_data={
        "": ["py.typed"],
        "transforms": ["models/*"],
        "pipeline": ["report_templates/*"],
        "pipeline.configs": ["*.yaml"],
    },
    install_requires=[
        "apache-beam>=2.77,<3",
        "audioop-lts>=0.2; python_version >= '3.13'",
        "av>=14",
        "blake3>=1",
        "certifi",
        "google-crc32c>=1.5",
        "jinja2>=3.1,<4",
        "jiwer>=4,<5",
        "numpy>=1.26",
        "pyarrow>=14.0.1",
        "pybase64>=1.4",
        "pydantic>=2.7,<3",
        "pydub>=0.25.1",
        "PyYAML>=6",
        "rich>=13",
        "soundfile>=0.12.1",
        "soxr>=0.5",
        "typer>=0.20",
        "urllib3>=2.2,<3",
    ],
    extras_require={
        "objects": OBJECTS,
        "redis": REDIS,
        "benchmarks": BENCHMARKS,
        "sphinx": SPHINX,
        "test": TEST,
        "yaml": YAML,
    },
    entry_points={
        "console_scripts": ["beamscribe=pipeline.cli:main"],
        # Under the module's own name, so that a conftest may name the plugin as well.
        "pytest11": ["pytest_beamscribe=pytest_beamscribe"],
    },
)
