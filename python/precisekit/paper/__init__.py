"""Experiments of "Precision Machine Learning" (Michaud, Liu, Tegmark, 2022), and beyond.

``python -m precisekit.paper feynman`` fits every equation of the Feynman table.
"""
