"""The command line, configuration, job graph and reports of Beamscribe."""
