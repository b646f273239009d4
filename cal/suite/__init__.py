"""The contract of data and training as checks that a user runs on their own class; tests run the
same functions on the data sets that are shipped.
"""
