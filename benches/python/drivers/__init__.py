"""One class for each face that the drivers have; the methods are named by `cases`.

A method prepares what it needs, and returns what the part that counts has taken. Everything that
is not asked of a driver by a case is left at its default.
"""
