"""A corpus as it grows to 1, 10 and 100 million segments: simulated, and part by part.

`simulation` drives the real planner, limiter, budget, record and writer through a whole
corpus on a clock and a service that are simulated: nobody sleeps, nobody is called, and
the disk is told to flush only in words. `parts` makes the things that grow with a corpus
as large as they would be, each by itself.
"""
