"""Weights that Beamscribe carries.

``silero_vad_16k_sequence.onnx``: Silero VAD 6.2.3, "sequence" form for 16 kHz, 1,246,165 bytes, as in the
package silero-vad 6.2.3 (https://github.com/snakers4/silero-vad), unchanged;
SHA-256 9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85. MIT licence: ``silero_vad_LICENSE``.
"""
