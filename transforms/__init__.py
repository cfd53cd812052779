"""Beam transforms for batch transcription; usable alone in other pipelines."""
