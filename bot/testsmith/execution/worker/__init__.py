"""What runs inside the sandbox, in the interpreter of the project under test.

The folder is copied into the scratch folder and its programs are run there by path (`start.py NAME`), so that
no folder of the bot is ever on the import path of the tests. It stands on the standard library and the
target's pytest alone, and keeps to the syntax of Python 3.9.
"""
