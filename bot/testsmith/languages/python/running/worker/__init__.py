"""Programs that run in the sandbox, in the interpreter of the project under test.

The folder is copied into the scratch folder, and its programs are run by path (`start.py NAME`), so that no
folder of the bot is on the import path of the tests. It depends only on the standard library and the
project's pytest, and uses the syntax of Python 3.9.
"""
