"""Scale 1: a machine-learned potential with electric response, its training and dynamics."""
