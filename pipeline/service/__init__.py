"""A SentenceRecognition service for one machine, as strict as the real one.

Start it with `pipeline.service.server.LocalService` (a context manager) or, in the
foreground, with `pipeline.service.foreground.serve`.
"""
