"""Models at work: discovery, hosts and lanes, training runs, weights, evaluation.

Nothing here imports torch when it is imported; torch is loaded inside functions
that run in the vision host or a training child.
"""
