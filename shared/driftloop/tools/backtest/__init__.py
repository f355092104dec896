"""Tries policies on a recorded stream, with the same rule, learners and losses as the services.

The stream is cut into blocks. Within a block a model predicts; at its end the labels are learnt and a
policy decides; a new model serves from the next block. What a model loses on later rows depends on
nothing but the rows it was fitted on, so each fit is made once and kept (`fits`), and then any number
of policies, and the best that hindsight could have done (`hindsight`), cost no more than additions.
"""
